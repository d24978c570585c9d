// The avatar's picture and the agent's sound, by the agent's attributes alone.

import { RoomEvent, Track } from './vendor/livekit-client.js';

const PLACEHOLDER = {
  '': 'Waiting for the agent.',
  idle: 'There is no avatar yet.',
  starting: 'The face is starting.',
  joining: 'The face is on its way.',
  live: 'The face is here; its picture is on its way.',
  voice_only: 'The voice goes on without a face.',
  closing: 'The face is leaving.',
  closed: 'The face is gone.',
};

const LOOKED_AGAIN_AT = [
  RoomEvent.Connected,
  RoomEvent.Disconnected,
  RoomEvent.ParticipantConnected,
  RoomEvent.ParticipantDisconnected,
  RoomEvent.ParticipantAttributesChanged,
  RoomEvent.TrackSubscribed,
  RoomEvent.TrackUnsubscribed,
  RoomEvent.TrackMuted,
  RoomEvent.TrackUnmuted,
];

const byId = (id) => document.getElementById(id);

/**
 * Show the avatar of a room.
 *
 * @param {import('livekit-client').Room} room
 * @param {string} agentIdentity
 * @param {(seconds: number) => void} firstFrame called with the seconds since the picture was known
 */
export function showStage(room, agentIdentity, firstFrame) {
  const video = byId('face');
  let shown;
  let pictured = false;

  function look() {
    const agent = room.remoteParticipants.get(agentIdentity);
    const state = agent?.attributes['avatar.state'] ?? '';
    const avatar = room.remoteParticipants.get(agent?.attributes['avatar.identity'] ?? '');
    const track = avatar?.getTrackPublication(Track.Source.Camera)?.videoTrack;
    if (track !== shown) {
      shown?.detach(video);
      shown = track;
      pictured = false;
      if (track) {
        const since = performance.now();
        track.attach(video);
        const seen = () => {
          if (shown === track) {
            pictured = true;
            firstFrame((performance.now() - since) / 1000);
            draw(state);
          }
        };
        if ('requestVideoFrameCallback' in video) {
          video.requestVideoFrameCallback(seen);
        } else {
          video.addEventListener('timeupdate', seen, { once: true });
        }
      } else {
        video.srcObject = null;
      }
    }
    draw(state);
  }

  function draw(state) {
    const label = byId('state');
    label.dataset.state = state;
    label.textContent = state.replace('_', ' ') || 'no state yet';
    byId('placeholder').hidden = Boolean(shown && pictured);
    byId('placeholder-text').textContent = PLACEHOLDER[state] ?? state;
    byId('bars').className = state === 'voice_only' ? 'voice' : '';
  }

  for (const event of LOOKED_AGAIN_AT) {
    room.on(event, look);
  }
  // All sound is played: whoever is let go is silent, and nobody has to be waited for.
  room.on(RoomEvent.TrackSubscribed, (track) => {
    if (track.kind === Track.Kind.Audio) {
      byId('sound').append(track.attach());
    }
  });
  room.on(RoomEvent.TrackUnsubscribed, (track) => {
    if (track.kind === Track.Kind.Audio) {
      track.detach().forEach((element) => element.remove());
    }
  });
  return { look, track: () => shown };
}

/**
 * What is really received of the avatar that is shown.
 *
 * @returns decoded pictures in all, and by how many milliseconds sound is played before its picture
 */
export async function measure(room, agentIdentity) {
  const agent = room.remoteParticipants.get(agentIdentity);
  const avatar = room.remoteParticipants.get(agent?.attributes['avatar.identity'] ?? '');
  let energy = 0;
  for (const participant of room.remoteParticipants.values()) {
    const sound = participant.getTrackPublication(Track.Source.Microphone)?.track;
    (await sound?.getRTCStatsReport())?.forEach((entry) => {
      if (entry.type === 'inbound-rtp') {
        energy += entry.totalAudioEnergy ?? 0;
      }
    });
  }
  const playout = {};
  let decoded;
  for (const source of [Track.Source.Camera, Track.Source.Microphone]) {
    const report = await avatar?.getTrackPublication(source)?.track?.getRTCStatsReport();
    report?.forEach((entry) => {
      if (entry.type === 'inbound-rtp') {
        playout[entry.kind] = entry.estimatedPlayoutTimestamp;
        decoded = entry.framesDecoded ?? decoded;
      }
    });
  }
  const both = playout.audio > 0 && playout.video > 0;
  return { energy, decoded, offset: both ? playout.audio - playout.video : undefined };
}
