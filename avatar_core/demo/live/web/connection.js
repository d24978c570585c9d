// The way into the call, and what to tell the visitor when it breaks.

import { DisconnectReason, Room, RoomEvent } from './vendor/livekit-client.js';

/** Ask the page's server; its own words are the error. */
export async function ask(what, body = {}) {
  let answer;
  try {
    answer = await fetch(`api/${what}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Error(STOPPED);
  }
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    throw new Error(told.trouble ?? `The demo refused (status ${answer.status}): reload the page.`);
  }
  return told;
}

export const STOPPED = 'The demo does not answer: it was stopped. Start `avatar demo` again, and open the new address.';

const LOST = {
  [DisconnectReason.DUPLICATE_IDENTITY]:
    'The call goes on in another tab or window. Join again to have it here.',
  [DisconnectReason.ROOM_DELETED]: 'The demo was stopped. Start `avatar demo` again, and open the new address.',
  [DisconnectReason.SERVER_SHUTDOWN]: 'The LiveKit server was stopped. Start `avatar demo` again, and open the new address.',
};

/**
 * Make a room that says how it fares.
 *
 * @param {(text: string) => void} status
 * @param {(trouble: string) => void} left called when the call is over for this page
 */
export function makeRoom(status, left) {
  const room = new Room();
  room.on(RoomEvent.Connected, () => status('You are in the call.'));
  room.on(RoomEvent.Reconnecting, () => status('The connection is lost; trying again.'));
  room.on(RoomEvent.SignalReconnecting, () => status('The connection is lost; trying again.'));
  room.on(RoomEvent.Reconnected, () => status('You are in the call.'));
  room.on(RoomEvent.Disconnected, (reason) => {
    status('Not in the call.');
    if (reason !== DisconnectReason.CLIENT_INITIATED) {
      left(LOST[reason] ?? 'The connection to the LiveKit server is lost. Join again, or start `avatar demo` again.');
    }
  });
  return room;
}
