// Who is the agent, who its avatar, and whose tracks a front end shows: by two rules.

import { ParticipantKind, Track } from '/livekit-client/livekit-client.esm.mjs';

const ON_BEHALF = 'lk.publish_on_behalf';

/**
 * The view of a room at this moment.
 *
 * `found` is what LiveKit's hooks useVoiceAssistant and useAgent make of it (components-react
 * 2.9.24): the first participant that publishes on behalf of the agent, and the agent's own tracks
 * before that one's. `told` is what the agent's own attributes name.
 *
 * @param {import('livekit-client').Room} room
 */
export function viewOf(room) {
  const agents = [...room.remoteParticipants.values()].filter(
    (participant) => participant.kind === ParticipantKind.AGENT,
  );
  const agent = agents.find((participant) => !(ON_BEHALF in participant.attributes));
  const workers = agents.filter(
    (participant) => agent && participant.attributes[ON_BEHALF] === agent.identity,
  );
  const first = workers[0];
  const named = avatarOf(room, agent);
  return {
    agent,
    workers,
    state: agent?.attributes['avatar.state'] ?? '',
    identity: agent?.attributes['avatar.identity'] ?? '',
    found: {
      video: track(agent, Track.Source.Camera) ?? track(first, Track.Source.Camera),
      audio: track(agent, Track.Source.Microphone) ?? track(first, Track.Source.Microphone),
    },
    told: {
      video: track(named, Track.Source.Camera),
      audio: track(named, Track.Source.Microphone) ?? track(agent, Track.Source.Microphone),
    },
  };
}

/** The participant who speaks for the agent now; undefined while the agent's own voice does. */
export function avatarOf(room, agent) {
  const identity = agent?.attributes['avatar.identity'];
  return identity ? room.remoteParticipants.get(identity) : undefined;
}

function track(participant, source) {
  const publication = participant?.getTrackPublication(source);
  return publication && { participant, publication };
}
