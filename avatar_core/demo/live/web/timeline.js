// Draws the last minute of the call: states, speech, the visitor, probes, offset of sound and picture.

const SECONDS = 60;
const LANES = ['face', 'agent', 'you', 'probe', 'a/v'];
const COLOURS = { live: '#58d68d', voice_only: '#f5b041', starting: '#85c1e9', joining: '#85c1e9' };
const LONGEST_LIST = 300;

const WORDS = {
  state: (each) => `${each.state.replace('_', ' ')}: ${each.reason}`,
  chosen: (each) => `avatar: ${each.title}`,
  fault: (each) => `fault: ${each.title}`,
  visitor: (each) => `you are ${each.state}`,
  joined: () => 'the agent sees you',
  typed: (each) => `you typed ${each.characters} characters`,
  sent: () => 'the agent begins a segment',
  heard: () => 'the segment is heard',
  finished: (each) => `${each.interrupted ? 'interrupted' : 'played'} after ${each.seconds.toFixed(2)} s`,
  trouble: (each) => each.text,
};

export class Timeline {
  constructor(canvas, list) {
    this.canvas = canvas;
    this.list = list;
    this.all = [];
    setInterval(() => this.draw(), 100);
  }

  /** Begin anew: the server tells everything again. */
  clear() {
    this.all = [];
    this.list.replaceChildren();
  }

  add(happening) {
    this.all.push(happening);
    const words = WORDS[happening.kind]?.(happening);
    if (words) {
      const item = document.createElement('li');
      item.dataset.kind = happening.kind;
      item.textContent = `${new Date(happening.at * 1000).toLocaleTimeString()}  ${words}`;
      this.list.prepend(item);
      if (this.list.childElementCount > LONGEST_LIST) {
        this.list.lastElementChild.remove();
      }
    }
  }

  draw() {
    const { canvas } = this;
    const scale = window.devicePixelRatio || 1;
    const width = canvas.clientWidth;
    const height = canvas.clientHeight;
    if (canvas.width !== Math.round(width * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    const pen = canvas.getContext('2d');
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    const now = Date.now() / 1000;
    const left = 48;
    const lane = height / LANES.length;
    const x = (at) => left + ((at - now + SECONDS) / SECONDS) * (width - left);
    const bar = (row, from, to, colour, tall = 0.6) => {
      const begin = Math.max(left, x(from));
      pen.fillStyle = colour;
      pen.fillRect(begin, row * lane + (lane * (1 - tall)) / 2, Math.max(1, x(to) - begin), lane * tall);
    };
    pen.font = '12px system-ui, sans-serif';
    pen.textBaseline = 'middle';
    LANES.forEach((name, row) => {
      pen.fillStyle = '#b4bac6';
      pen.fillText(name, 0, row * lane + lane / 2);
      pen.fillStyle = '#333a46';
      pen.fillRect(left, (row + 1) * lane - 1, width - left, 1);
    });
    const recent = (kind) => this.all.filter((each) => each.kind === kind);
    const spans = (happenings, until) =>
      happenings.map((each, index) => [each, happenings[index + 1]?.at ?? until]);

    for (const [each, end] of spans(recent('state'), now)) {
      if (end > now - SECONDS && COLOURS[each.state]) {
        bar(0, each.at, end, COLOURS[each.state]);
      }
    }
    for (const each of recent('fault').filter((fault) => fault.at > now - SECONDS)) {
      bar(0, each.at, each.at, '#ff8a80', 1);
    }
    for (const each of recent('sent').filter((sent) => sent.at > now - SECONDS)) {
      bar(1, each.at, each.at, '#b4bac6', 1);
    }
    let heard;
    for (const each of this.all) {
      if (each.kind === 'heard') {
        heard = each.at;
      } else if (each.kind === 'finished' && heard !== undefined) {
        if (each.at > now - SECONDS) {
          bar(1, heard, each.at, each.interrupted ? '#f5b041' : '#58d68d');
        }
        heard = undefined;
      }
    }
    if (heard !== undefined) {
      bar(1, heard, now, '#58d68d');
    }
    for (const [each, end] of spans(recent('visitor'), now)) {
      if (each.state === 'speaking' && end > now - SECONDS) {
        bar(2, each.at, end, '#85c1e9');
      }
    }
    const points = (row, kind, value, full, colour) => {
      pen.fillStyle = colour;
      for (const each of recent(kind).filter((point) => point.at > now - SECONDS)) {
        const high = Math.min(1, Math.abs(value(each)) / full);
        pen.fillRect(x(each.at) - 1, (row + 1) * lane - 3 - high * (lane - 6), 3, 3);
      }
    };
    points(3, 'probe', (each) => each.milliseconds, 100, '#85c1e9');
    points(4, 'offset', (each) => each.milliseconds, 200, '#d7bde2');
    if (this.all.length > 5000) {
      this.all.splice(0, 2000);
    }
  }
}
