// Joins a room as a front end does, shows the avatar, and notes what it sees and when.

import { Room, RoomEvent } from '/livekit-client/livekit-client.esm.mjs';
import { viewOf } from './view.js';

// What LiveKit's components look again at; and the local end of a subscription.
const LOOKED_AGAIN_AT = [
  RoomEvent.ConnectionStateChanged,
  RoomEvent.ParticipantConnected,
  RoomEvent.ParticipantDisconnected,
  RoomEvent.ParticipantAttributesChanged,
  RoomEvent.ParticipantNameChanged,
  RoomEvent.TrackPublished,
  RoomEvent.TrackUnpublished,
  RoomEvent.TrackSubscribed,
  RoomEvent.TrackUnsubscribed,
  RoomEvent.TrackMuted,
  RoomEvent.TrackUnmuted,
];
const SAMPLE_MILLISECONDS = 100;

const room = new Room();
// Of the page's clock since it was opened, plus when that was: seconds since 1970.
const now = () => (performance.timeOrigin + performance.now()) / 1000;
const record = { views: [], samples: [] };
window.record = record;
window.view = null;
window.from = 0;

for (const event of LOOKED_AGAIN_AT) {
  room.on(event, look);
}
room.on(RoomEvent.TrackSubscribed, (track) => {
  if (track.kind === 'audio') {
    document.body.append(track.attach());
  }
});
room.on(RoomEvent.TrackUnsubscribed, (track) => {
  if (track.kind === 'audio') {
    track.detach().forEach((element) => element.remove());
  }
});

document.querySelector('#join').addEventListener('click', async () => {
  const { url, token } = await (await fetch('/connection')).json();
  await room.connect(url, token);
  await room.startAudio();
  await room.localParticipant.setMicrophoneEnabled(true);
  look();
  setInterval(sample, SAMPLE_MILLISECONDS);
});

function look() {
  const seen = viewOf(room);
  const view = {
    room: room.state,
    agent: seen.agent?.identity ?? '',
    workers: seen.workers.map((worker) => worker.identity),
    state: seen.state,
    identity: seen.identity,
    found_video: shown(seen.found.video),
    found_audio: shown(seen.found.audio),
    told_video: shown(seen.told.video),
    told_audio: shown(seen.told.audio),
  };
  if (JSON.stringify(view) === JSON.stringify(window.view)) {
    return;
  }
  window.view = view;
  record.views.push({ at: now(), ...view });
  show('told', seen.told.video);
  show('found', seen.found.video);
  document.querySelector('#view').textContent = JSON.stringify(view, null, 1);
}

/** The identity whose track this is, once it is there to be played. */
function shown(reference) {
  return reference?.publication.track ? reference.participant.identity : '';
}

const attached = { told: undefined, found: undefined };

function show(name, reference) {
  const track = reference?.publication.track;
  document.querySelector(`#${name}-who`).textContent = shown(reference) || 'nobody';
  if (attached[name] === track) {
    return;
  }
  const element = document.querySelector(`#${name}`);
  attached[name]?.detach(element);
  attached[name] = track;
  if (track) {
    track.attach(element);
  } else {
    element.srcObject = null;
  }
}

/** Note what is really decoded and heard of each participant. */
async function sample() {
  const decoded = {};
  const energy = {};
  for (const participant of room.remoteParticipants.values()) {
    for (const publication of participant.trackPublications.values()) {
      const report = await publication.track?.getRTCStatsReport();
      report?.forEach((entry) => {
        if (entry.type === 'inbound-rtp' && entry.kind === 'video') {
          decoded[participant.identity] = entry.framesDecoded;
        } else if (entry.type === 'inbound-rtp' && entry.kind === 'audio') {
          energy[participant.identity] = entry.totalAudioEnergy;
        }
      });
    }
  }
  const { paused, currentTime, videoWidth } = document.querySelector('#told');
  record.samples.push({ at: now(), decoded, energy, paused, time: currentTime, width: videoWidth });
}
