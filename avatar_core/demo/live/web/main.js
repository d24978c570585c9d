// Puts the page together.

import { STOPPED, ask, makeRoom } from './connection.js';
import { measure, showStage } from './stage.js';
import { showTranscript, wireMicrophone, wireText } from './talk.js';
import { Timeline } from './timeline.js';

const byId = (id) => document.getElementById(id);
const CONTROLS = ['microphone', 'choice', 'faults'];

function trouble(text) {
  byId('trouble').textContent = text;
  byId('trouble').hidden = !text;
}

const room = makeRoom(
  (text) => {
    byId('connection').textContent = text;
  },
  (text) => {
    trouble(text);
    enable(false);
    microphone.show();
    byId('join').hidden = false;
    byId('join').disabled = false;
  },
);
const timeline = new Timeline(byId('timeline'), byId('happenings'));
const microphone = wireMicrophone(room, trouble);
wireText(room, trouble);

let visit;
let speaksText = false;
let stage;
let seen = { energy: 0, decoded: 0 };

function enable(on) {
  for (const id of CONTROLS) {
    byId(id).disabled = !on;
  }
  byId('text').disabled = byId('send').disabled = !(on && speaksText);
}

byId('join').addEventListener('click', async () => {
  byId('join').disabled = true;
  trouble('');
  try {
    visit = await ask('visit');
    ({ speaksText } = visit);
    if (!stage) {
      offer(visit);
      stage = showStage(room, visit.agent, (seconds) => {
        byId('first-frame').textContent = `${Math.round(seconds * 1000)} ms`;
      });
      showTranscript(room, visit.visitor);
      follow();
      setInterval(sample, 1000);
    }
    await room.connect(visit.url, visit.token);
    await room.startAudio();
    byId('join').hidden = true;
    byId('choice').value = visit.chosen;
    enable(true);
    stage.look();
    byId('microphone').focus();
  } catch (error) {
    trouble(error.message);
    byId('join').disabled = false;
  }
});

function offer({ choices, faults, chosen }) {
  for (const each of choices) {
    byId('choice').append(new Option(each, each, false, each === chosen));
  }
  for (const each of faults) {
    const button = document.createElement('button');
    button.type = 'button';
    button.dataset.fault = each.name;
    button.textContent = each.title;
    button.addEventListener('click', () => {
      during(`${each.title}: on its way`, async () => {
        const { failed } = await ask('fail', { name: each.name });
        return failed ? `The start failed, as it should: ${failed}` : 'Watch and listen.';
      });
    });
    byId('faults').append(button);
  }
}

byId('choice').addEventListener('change', () => {
  const title = byId('choice').value;
  during('The next face is on its way', async () => {
    await ask('choose', { title });
    return 'It is here.';
  });
});

/** Do one change at a time, and say how it went. */
async function during(text, change) {
  const [choice, faults] = [byId('choice'), byId('faults')];
  const focused = document.activeElement;
  choice.disabled = faults.disabled = true;
  byId('choosing').textContent = text;
  trouble('');
  try {
    byId('choosing').textContent = await change();
  } catch (error) {
    byId('choosing').textContent = '';
    trouble(error.message);
  }
  choice.disabled = faults.disabled = room.state !== 'connected';
  focused?.focus();
}

/** Follow what the agent's side tells; after a break it tells everything again. */
function follow() {
  const source = new EventSource('api/happenings');
  source.addEventListener('open', () => timeline.clear());
  source.addEventListener('message', ({ data }) => {
    const happening = JSON.parse(data);
    timeline.add(happening);
    if (happening.kind === 'probe') {
      byId('probe').textContent = `${happening.milliseconds} ms`;
    } else if (happening.kind === 'chosen') {
      byId('choice').value = happening.title;
    }
  });
  source.addEventListener('error', () => {
    if (room.state !== 'connected') {
      trouble(STOPPED);
    }
  });
}

async function sample() {
  if (room.state !== 'connected') {
    return;
  }
  seen = await measure(room, visit.agent);
  byId('pictures').textContent = seen.decoded ?? '–';
  byId('pictures').dataset.energy = seen.energy;
  if (seen.offset !== undefined) {
    byId('offset').textContent = `${Math.round(seen.offset)} ms`;
    timeline.add({ kind: 'offset', at: Date.now() / 1000, milliseconds: seen.offset });
  }
}
