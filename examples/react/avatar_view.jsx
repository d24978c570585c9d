// The agent's face in an app that is built with LiveKit's React components.

import {
  RoomAudioRenderer,
  VideoTrack,
  useParticipantAttributes,
  useTracks,
  useVoiceAssistant,
} from '@livekit/components-react';
import { Track } from 'livekit-client';

const PLACEHOLDER = {
  starting: 'The face is starting.',
  joining: 'The face is on its way.',
  voice_only: 'The voice goes on without a face.',
};

export function AvatarView() {
  const { agent } = useVoiceAssistant();
  return (
    <>
      {agent ? <Face agent={agent} /> : <p>Waiting for the agent.</p>}
      <RoomAudioRenderer />
    </>
  );
}

function Face({ agent }) {
  const { attributes } = useParticipantAttributes({ participant: agent });
  const identity = attributes?.['avatar.identity'];
  const picture = useTracks([Track.Source.Camera]).find(
    (track) => identity && track.participant.identity === identity,
  );
  return picture ? (
    <VideoTrack trackRef={picture} />
  ) : (
    <p role="status">{PLACEHOLDER[attributes?.['avatar.state']] ?? 'There is no face.'}</p>
  );
}
