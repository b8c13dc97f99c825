// What one person sees of the world: servers, channels, messages, interactions, and what is unread.
// Takes in the server's state and events, tells listeners which part changed. Draws nothing.

import { compareIds } from "./time.js";

const listeners = new Map();
const UNREAD_KEY = "retake.read.";
export const THREADS = [10, 11, 12];
export const FORUMS = [15, 16];
export const LOADING = 128;
export const EPHEMERAL = 64;

export const state = {
  me: null, users: new Map(), guilds: [], channels: new Map(), commands: [], bot: { id: null, online: false },
  connection: "connecting", channelId: null, messages: new Map(), interactions: new Map(), replyTo: null,
};
let read = {};
let dismissed = new Set();

export function on(topic, fn) {
  if (!listeners.has(topic)) listeners.set(topic, new Set());
  listeners.get(topic).add(fn);
  return () => listeners.get(topic).delete(fn);
}

export function emit(topic, detail) {
  for (const fn of listeners.get(topic) ?? []) fn(detail);
}

/** The server's whole state for a person; messages already loaded are forgotten if it is another one. */
export function setState(data) {
  const other = state.me?.id !== data.me.id;
  state.me = data.me;
  state.users = new Map(data.users.map((user) => [user.id, user]));
  state.guilds = data.guilds;
  state.commands = data.commands;
  state.bot = data.bot;
  state.channels = new Map();
  for (const guild of data.guilds) {
    for (const channel of guild.channels) state.channels.set(channel.id, { ...channel, guild_id: guild.id });
  }
  for (const dm of data.dms) state.channels.set(dm.id, { ...dm, guild_id: null });
  if (other) {
    state.messages = new Map();
    state.interactions = new Map();
    state.replyTo = null;
    loadRead();
  }
  emit("world");
  emit("commands");
  emit("bot");
}

function loadRead() {
  const stored = localStorage.getItem(UNREAD_KEY + state.me.id);
  read = stored ? JSON.parse(stored) : null;
  dismissed = new Set(JSON.parse(sessionStorage.getItem(`retake.dismissed.${state.me.id}`) ?? "[]"));
  if (read) return;
  read = {}; // a first visit: what was said before it counts as read
  for (const channel of state.channels.values()) read[channel.id] = channel.last_message_id ?? "0";
  saveRead();
}

const saveRead = () => localStorage.setItem(UNREAD_KEY + state.me.id, JSON.stringify(read));

export function markRead(channelId) {
  const last = state.channels.get(channelId)?.last_message_id;
  if (!last || read[channelId] === last) return;
  read[channelId] = last;
  saveRead();
  emit("unread");
}

export function isUnread(channel) {
  return Boolean(channel.last_message_id) && compareIds(channel.last_message_id, read[channel.id] ?? "0") > 0;
}

/** The last message of a channel that this person has seen. */
export const readMark = (channelId) => read[channelId] ?? "0";

export const channel = () => state.channels.get(state.channelId) ?? null;
export const guildOf = (id) => state.guilds.find((guild) => guild.id === state.channels.get(id)?.guild_id) ?? null;
export const isBot = (id) => id === state.bot.id;

/** The name a person goes by here: nickname, display name, user name. */
export function nameOf(userId, fallback = null) {
  const member = guildOf(state.channelId)?.members.find((one) => one.user_id === userId);
  const user = state.users.get(userId) ?? fallback;
  return member?.nick ?? user?.global_name ?? user?.username ?? "Somebody";
}

export function userOf(author) {
  return { ...author, ...(state.users.get(author.id) ?? {}) };
}

/** May the current person write here? A forum holds only posts, a locked thread takes only an admin's messages. */
export function mayWrite(target) {
  return Boolean(target) && !FORUMS.includes(target.type) && !(target.locked && !state.me.admin);
}

// -- messages ----------------------------------------------------------------

export function history(channelId) {
  if (!state.messages.has(channelId)) state.messages.set(channelId, { list: [], complete: false, loaded: false });
  return state.messages.get(channelId);
}

/** A page of messages; the newest page also tells which of those shown were deleted meanwhile. */
export function addHistory(channelId, messages, { complete, newest }) {
  const kept = history(channelId);
  if (newest) {
    const ids = new Set(messages.map((one) => one.id));
    kept.list = kept.list.filter((one) => ids.has(one.id) || (!complete && compareIds(one.id, messages[0].id) < 0));
  }
  for (const message of messages) insert(kept.list, message);
  kept.loaded = true;
  kept.complete = kept.complete || complete;
  emit("messages", { channelId });
}

function insert(list, message) {
  if (dismissed.has(message.id)) return false;
  const at = list.findIndex((one) => one.id === message.id);
  if (at >= 0) {
    list[at] = { ...list[at], ...message };
    return false;
  }
  let index = list.length;
  while (index > 0 && compareIds(list[index - 1].id, message.id) > 0) index -= 1;
  list.splice(index, 0, message);
  return true;
}

export function putMessage(message) {
  const kept = state.messages.get(message.channel_id);
  const known = state.channels.get(message.channel_id);
  const waiting = (findMessage(message.id, message.channel_id)?.flags ?? 0) & LOADING;
  const answered = waiting && !((message.flags ?? 0) & LOADING); // "thinking" became the answer
  const isNew = kept?.loaded ? insert(kept.list, message) || answered : true;
  if (known && message.author && !((message.flags ?? 0) & EPHEMERAL) && compareIds(message.id, known.last_message_id ?? "0") > 0) {
    known.last_message_id = message.id;
    if (message.author.id === state.me.id) read[known.id] = message.id;
    emit("unread");
  }
  if (isNew) emit("arrived", message);
  emit("messages", { channelId: message.channel_id, id: message.id });
}

/** Replies and thread starters carry a copy of another message: it follows the original. */
function follow(message) {
  for (const kept of state.messages.values()) {
    for (const one of kept.list) {
      if (one.referenced_message?.id !== message.id) continue;
      one.referenced_message = message.deleted ? null : { ...one.referenced_message, ...message };
      emit("messages", { channelId: one.channel_id, id: one.id });
    }
  }
}

export function dropMessage({ id, channel_id: channelId }) {
  follow({ id, deleted: true });
  const kept = state.messages.get(channelId);
  if (!kept) return;
  kept.list = kept.list.filter((one) => one.id !== id);
  if (state.replyTo?.id === id) setReply(null);
  emit("messages", { channelId, id });
}

export function dismiss(message) {
  dismissed.add(message.id);
  sessionStorage.setItem(`retake.dismissed.${state.me.id}`, JSON.stringify([...dismissed]));
  dropMessage(message);
}

export function findMessage(id, channelId = state.channelId) {
  return state.messages.get(channelId)?.list.find((one) => one.id === id) ?? null;
}

export function setReply(message) {
  state.replyTo = message;
  emit("reply");
}

// -- channels and interactions ------------------------------------------------

function putChannel(data) {
  const before = state.channels.get(data.id) ?? {};
  const meta = data.thread_metadata ?? {};
  const merged = { parent_id: null, position: 0, archived: false, locked: false, ...before, ...data };
  merged.archived = meta.archived ?? data.archived ?? merged.archived;
  merged.locked = meta.locked ?? data.locked ?? merged.locked;
  merged.private = data.private ?? before.private ?? data.type === 12;
  if (!("guild_id" in data)) merged.guild_id = before.guild_id ?? state.channels.get(data.parent_id)?.guild_id ?? null;
  state.channels.set(data.id, merged);
  for (const kept of state.messages.values()) { // a thread's starter carries its name and count
    const starter = kept.list.find((one) => one.id === data.id);
    if (starter && THREADS.includes(data.type)) {
      starter.thread = { ...starter.thread, ...data };
      emit("messages", { channelId: starter.channel_id, id: starter.id });
    }
  }
  emit("world");
}

function dropChannel({ id }) {
  state.channels.delete(id);
  state.messages.delete(id);
  emit("world");
}

export function putInteraction(interaction) {
  const before = state.interactions.get(interaction.id);
  state.interactions.set(interaction.id, { ...before, ...interaction });
  emit("interactions", state.interactions.get(interaction.id));
}

const HANDLERS = {
  MESSAGE_CREATE: putMessage,
  MESSAGE_UPDATE: (data) => {
    if (findMessage(data.id, data.channel_id)) putMessage(data);
    follow(data);
  },
  MESSAGE_DELETE: dropMessage,
  THREAD_CREATE: putChannel,
  THREAD_UPDATE: putChannel,
  THREAD_DELETE: dropChannel,
  CHANNEL_CREATE: putChannel,
  CHANNEL_UPDATE: putChannel,
  CHANNEL_DELETE: dropChannel,
  INTERACTION: putInteraction,
  COMMANDS: (data) => emit("stale", data),
  BOT: (data) => {
    state.bot = { ...state.bot, ...data };
    emit("bot");
  },
  PROVIDERS: (data) => emit("providers", data),
};

let asking = 0;
let waiting = [];

/** An event of the stream; while an answer is awaited it waits too. */
export function take(event) {
  if (asking) waiting.push(event);
  else HANDLERS[event.type]?.(event.data);
}

/**
 * Asks the server and takes in the answer with `apply`. Events that came meanwhile follow after it:
 * the answer may be older than they are and would undo them.
 */
export async function ask(question, apply) {
  asking += 1;
  try {
    apply(await question());
  } finally {
    asking -= 1;
    if (!asking) {
      const events = waiting;
      waiting = [];
      events.forEach(take);
    }
  }
}

export function setConnection(connection) {
  state.connection = connection;
  emit("connection");
}
