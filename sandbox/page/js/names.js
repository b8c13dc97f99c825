// What ids are called here and where they lead: the resolver that Markdown asks, for the channel
// being looked at. Reads the store, draws nothing.

import { emit, guildOf, nameOf, state } from "./store.js";

export const resolver = {
  user: (id) => (state.users.has(id) ? nameOf(id) : "unknown-user"),
  role(id) {
    for (const guild of state.guilds) {
      const role = guild.roles.find((one) => one.id === id);
      if (role) return role.name.replace(/^@/, "");
    }
    return "deleted-role";
  },
  channel(id) {
    const found = state.channels.get(id);
    return found ? { name: titleOf(found), href: hrefOf(id) } : null;
  },
  command: (name) => emit("compose-command", name),
};

/** The picture of each type of channel. */
export const SIGNS = { 0: "hash", 2: "speaker", 5: "announce", 10: "thread", 11: "thread", 12: "thread", 13: "speaker", 15: "forum", 16: "forum" };

export function hrefOf(channelId) {
  return `#/channel/${channelId}?user=${state.me.id}`;
}

const MESSAGE_LINK = /^https:\/\/(?:\w+\.)?discord(?:app)?\.com\/channels\/(?:@me|\d+)\/(\d+)(?:\/(\d+))?$/;

/** Where a link to a message of Discord leads in here; null for other addresses and unknown channels. */
export function placeOf(url) {
  const [, channelId, messageId] = MESSAGE_LINK.exec(url) ?? [];
  return state.channels.has(channelId) ? { channelId, messageId: messageId ?? null } : null;
}

/** A channel's name; a direct conversation is called after the other one. */
export function titleOf(channel) {
  if (channel.name) return channel.name;
  const others = (channel.recipients ?? []).filter((one) => (one.id ?? one) !== state.me.id);
  return others.map((one) => nameOf(one.id ?? one, one)).join(", ") || "Direct message";
}

export function otherOf(channel) {
  const other = (channel.recipients ?? []).find((one) => (one.id ?? one) !== state.me.id);
  const id = other?.id ?? other;
  return state.users.get(id) ?? other ?? null;
}

/** The members of the server being looked at, or the two of a direct conversation. */
export function peopleHere() {
  const guild = guildOf(state.channelId);
  if (guild) return guild.members.map((member) => state.users.get(member.user_id)).filter(Boolean);
  return [...state.users.values()];
}

export function rolesHere() {
  const guild = guildOf(state.channelId);
  return guild ? guild.roles.filter((role) => role.id !== guild.id) : [];
}

export function channelsHere(types = null) {
  const guild = guildOf(state.channelId);
  return (guild ? [...state.channels.values()].filter((one) => one.guild_id === guild.id) : [])
    .filter((one) => one.type !== 4 && (!types?.length || types.includes(one.type)));
}
