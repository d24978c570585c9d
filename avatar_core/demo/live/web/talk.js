// Microphone, typed text and transcript.

const byId = (id) => document.getElementById(id);

const REFUSED = {
  NotAllowedError:
    'The browser does not let this page use the microphone: allow it beside the address, then press the button again. Typing works without it.',
  NotFoundError: 'No microphone was found: connect one and press the button again. Typing works without it.',
  NotReadableError:
    'The microphone is in use by another program: close that, and press the button again. Typing works without it.',
};

/**
 * @param {import('livekit-client').Room} room
 * @param {(text: string) => void} trouble
 */
export function wireMicrophone(room, trouble) {
  const button = byId('microphone');
  const level = byId('level');
  let context;
  let meter;

  button.addEventListener('click', async () => {
    const on = button.getAttribute('aria-pressed') !== 'true';
    button.disabled = true;
    try {
      await room.localParticipant.setMicrophoneEnabled(on);
      trouble('');
    } catch (error) {
      trouble(REFUSED[error.name] ?? `The microphone does not work: ${error.message}`);
    }
    button.disabled = false;
    show();
  });

  function show() {
    const on = room.localParticipant.isMicrophoneEnabled;
    button.setAttribute('aria-pressed', String(on));
    button.textContent = on ? 'Microphone is on' : 'Microphone is off';
    clearInterval(meter);
    level.value = 0;
    const track = [...room.localParticipant.audioTrackPublications.values()][0]?.track;
    if (on && track) {
      context?.close();
      context = new AudioContext();
      const analyser = context.createAnalyser();
      analyser.fftSize = 1024;
      context.createMediaStreamSource(new MediaStream([track.mediaStreamTrack])).connect(analyser);
      const samples = new Float32Array(analyser.fftSize);
      meter = setInterval(() => {
        analyser.getFloatTimeDomainData(samples);
        const power = samples.reduce((sum, each) => sum + each * each, 0) / samples.length;
        // -60 dB to 0 dB over the whole width.
        level.value = Math.min(1, Math.max(0, 1 + (10 * Math.log10(power + 1e-9)) / 60));
      }, 60);
    }
  }
  return { show };
}

/** Send what is typed on LiveKit's own topic, as its components do. */
export function wireText(room, trouble) {
  byId('typed').addEventListener('submit', async (event) => {
    event.preventDefault();
    const field = byId('text');
    const text = field.value.trim();
    if (!text) {
      return;
    }
    try {
      await room.localParticipant.sendText(text, { topic: 'lk.chat' });
      line('you', 'You', text);
      field.value = '';
    } catch (error) {
      trouble(`That was not sent: ${error.message}`);
    }
  });
}

/** Show LiveKit's transcription streams: one line a segment, words as they come. */
export function showTranscript(room, visitor) {
  const lines = new Map();
  room.registerTextStreamHandler('lk.transcription', async (reader, sender) => {
    const who = sender.identity === visitor ? 'you' : 'agent';
    const key = `${who} ${reader.info.attributes?.['lk.segment_id'] ?? reader.info.id}`;
    const words = lines.get(key) ?? line(who, who === 'you' ? 'You' : 'Agent', '');
    lines.set(key, words);
    words.textContent = '';
    try {
      for await (const chunk of reader) {
        words.textContent += chunk;
        byId('transcript').scrollTop = byId('transcript').scrollHeight;
      }
    } catch (error) {
      // The call ended in mid-sentence, and why is told elsewhere: what was said so far stays.
      if (room.state === 'connected') {
        throw error;
      }
    }
  });
}

function line(who, name, text) {
  const item = document.createElement('p');
  item.className = who;
  const speaker = document.createElement('b');
  speaker.textContent = `${name}: `;
  const words = document.createElement('span');
  words.textContent = text;
  item.append(speaker, words);
  const transcript = byId('transcript');
  transcript.append(item);
  transcript.scrollTop = transcript.scrollHeight;
  return words;
}
