// One row of the message list. It is drawn in parts, and only the parts that changed are drawn again,
// so that a playing video, an open spoiler or the focus survive an edit. Knows nothing of its neighbours
// beyond whether it continues the row above.

import { dismissMessage, dismissUnderway, ephemeralNote } from "./actions.js";
import { hex, onGround } from "./colours.js";
import { componentNodes } from "./components.js";
import { el, replace } from "./dom.js";
import { embedNode } from "./embeds.js";
import { avatar, icon } from "./icons.js";
import { markdown, plainText } from "./markdown.js";
import { labels } from "./interactions.js";
import { MediaCache, fileChip, gallery, kindOf } from "./media.js";
import { hrefOf, resolver } from "./names.js";
import { EPHEMERAL, LOADING, emit, guildOf, nameOf, state, userOf } from "./store.js";
import { clockTime, fullDate, stamp, timeOfId } from "./time.js";

const V2 = 32768;
const PARTS = ["above", "header", "content", "attachments", "embeds", "components", "failure", "thread", "note"];
const EMOJI_ONLY = /^(?:\p{Extended_Pictographic}|\p{Emoji_Component}|\s)+$/u;

/** Signed addresses change with every look at a message; only their path says whether a file changed. */
const signature = (value) => JSON.stringify(value, (key, part) => (/url$/.test(key) && typeof part === "string" ? part.split("?")[0] : part));

export class MessageRow {
  #signatures = new Map();
  #parts = new Map();
  #cache = new MediaCache();

  constructor(id) {
    this.id = id;
    this.node = el("li", { class: "message", role: "article", tabindex: -1, id: `message-${id}`, data: { id } });
    for (const part of PARTS) {
      const holder = el("div", { class: `part part-${part}` });
      this.#parts.set(part, holder);
      this.node.append(holder);
    }
  }

  update(message, { grouped, busy, failure }) {
    this.message = message;
    const started = message.type === 21 ? message.referenced_message ?? { ...message, content: "*The message that began this thread was deleted.*" } : message;
    const shown = withShared(started);
    const flags = shown.flags ?? 0;
    const author = userOf(shown.author);
    const name = nameOf(shown.author.id, shown.author);
    const v2 = Boolean(flags & V2);
    const when = timeOfId(shown.id);
    const { classList } = this.node;
    classList.toggle("grouped", grouped);
    classList.toggle("ephemeral", Boolean(flags & EPHEMERAL));
    classList.toggle("mentioned", Boolean(message.mention_everyone || message.mentions?.some((one) => one.id === state.me.id)));
    classList.toggle("system", isSystem(shown));
    this.node.setAttribute("aria-label", `${name}, ${stamp(when)}`);
    this.#draw("above", [shown.referenced_message ?? null, shown.message_reference, shown.interaction_metadata, labels.get(shown.interaction_metadata?.id), shown.type, Boolean(shown.message_snapshots)], () => aboveNodes(shown));
    this.#draw("header", [grouped, name, author, stamp(when)], () => headerNodes(shown, { grouped, name, author, when }));
    const loading = Boolean(flags & LOADING);
    this.#draw("content", [shown.content, shown.edited_timestamp, v2, loading, shown.type], () => contentNodes(shown, { v2, loading }));
    this.#draw("attachments", v2 ? null : [shown.attachments, shown.embeds], () => (v2 ? [] : attachmentNodes(shown, this.#cache)));
    this.#draw("embeds", flags & 4 ? null : [shown.embeds, shown.attachments], () => (flags & 4 ? [] : (shown.embeds ?? []).map((embed) => embedNode(embed, shown.attachments ?? [], this.#cache))));
    this.#draw("components", [shown.components, shown.attachments, busy], () => [
      el("div", { class: `components${v2 ? " v2" : ""}` }, componentNodes(shown.components ?? [], { message: shown, cache: this.#cache, busy })),
      v2 && shown.edited_timestamp ? edited(shown) : null,
    ]);
    this.#parts.get("components").hidden = !shown.components?.length;
    this.#draw("failure", failure, () => (failure ? [el("p", { class: "failure", role: "alert" }, icon("warning", 18), failure)] : []));
    this.#draw("thread", threadSignature(message), () => threadNodes(message));
    this.#draw("note", flags & EPHEMERAL, () => (flags & EPHEMERAL ? [ephemeralNote(dismissMessage(message))] : []));
  }

  #draw(part, input, make) {
    const now = signature(input ?? null);
    if (this.#signatures.get(part) === now) return;
    this.#signatures.set(part, now);
    const holder = this.#parts.get(part);
    const focused = holder.contains(document.activeElement) ? document.activeElement.dataset?.key : null;
    this.#cache.begin(part);
    replace(holder, make());
    if (focused) [...holder.querySelectorAll("[data-key]")].find((node) => node.dataset.key === focused)?.focus({ preventScroll: true });
  }
}

const STICKERS = { 1: "png", 2: "png", 4: "gif" };

/** A message with what it shares of others: a forwarded message's content, and stickers as pictures. */
function withShared(message) {
  const forwarded = message.message_snapshots?.[0]?.message;
  const whole = forwarded ? { ...message, ...forwarded, type: message.type, flags: (message.flags ?? 0) | (forwarded.flags & V2) } : message;
  const pictures = (whole.sticker_items ?? []).filter((one) => STICKERS[one.format_type]).map(({ id, name, format_type: format }) => {
    const ending = STICKERS[format];
    return { id, filename: `${name}.${ending}`, url: `/cdn/stickers/${id}.${ending}`, content_type: `image/${ending}`, size: 0 };
  });
  return pictures.length ? { ...whole, attachments: [...(whole.attachments ?? []), ...pictures] } : whole;
}

const isSystem = (message) => [1, 6, 7, 18].includes(message.type);

function aboveNodes(message) {
  const used = message.interaction_metadata ?? message.interaction;
  if (used && [20, 23].includes(message.type)) {
    const user = userOf(used.user ?? { id: used.user_id });
    const name = nameOf(user.id, user);
    const command = labels.get(used.id)?.replace(/^\//, "") ?? used.name ?? message.interaction?.name;
    return [el("div", { class: "reference" }, avatar(user, name, 16), el("strong", { text: name }), " used ",
      el("span", { class: "used", text: command ? `${message.type === 20 ? "/" : ""}${command}` : "a command" }))];
  }
  if (message.message_snapshots) return [el("div", { class: "reference" }, icon("reply", 14), el("em", { text: "Forwarded" }))];
  if (message.type !== 19) return [];
  const source = message.referenced_message;
  if (!source) return [el("div", { class: "reference gone" }, icon("reply", 14), el("em", { text: "Original message was deleted" }))];
  const name = nameOf(source.author.id, source.author);
  const pinged = message.mentions?.some((one) => one.id === source.author.id);
  return [el("button", { type: "button", class: "reference", "aria-label": `Reply to ${name}: ${preview(source)}`, on: { click: () => emit("jump", source) } },
    avatar(userOf(source.author), name, 16), source.author.bot ? badge() : null,
    el("strong", { text: `${pinged ? "@" : ""}${name}` }), el("span", { class: "preview", text: preview(source) }),
    source.attachments?.length ? icon(kindOf(source.attachments[0]) === "video" ? "film" : "image", 16) : null)];
}

/** A message in one line: its words, or what it carries. */
export function preview(message) {
  const words = message.content || texts(message.components ?? []).join(" ");
  if (words) return plainText(words, resolver);
  if (message.attachments?.length) return "See attachment";
  return message.embeds?.[0]?.title ?? "Message";
}

const texts = (components) => components.flatMap((one) => (one.type === 10 ? [one.content] : texts(one.components ?? [])));

export const badge = () => el("span", { class: "badge", text: "APP", title: "An application" });

function roleColour(id) {
  const guild = guildOf(state.channelId);
  const member = guild?.members.find((one) => one.user_id === id);
  const coloured = (guild?.roles ?? []).filter((one) => one.color && member?.roles.includes(one.id));
  const role = coloured.sort((a, b) => b.position - a.position)[0];
  return role ? onGround(hex(role.color)) : null;
}

function headerNodes(message, { grouped, name, author, when }) {
  const time = el("time", { datetime: when.toISOString(), title: fullDate(when), text: grouped ? clockTime(when) : stamp(when) });
  if (isSystem(message)) return [el("span", { class: "gutter" }, icon(message.type === 18 ? "thread" : "right", 20))];
  if (grouped) return [el("span", { class: "gutter short-time", "aria-hidden": "true" }, time)];
  const colour = roleColour(author.id);
  return [el("span", { class: "gutter" }, avatar(author, name, 40)),
    el("h3", { class: "author" }, el("span", { class: "author-name", text: name, style: colour ? { color: colour } : {} }), author.bot ? badge() : null, time)];
}

const edited = (message) => el("span", { class: "edited", text: "(edited)", title: fullDate(new Date(message.edited_timestamp)) });

export function thinking(name) {
  return el("div", { class: "thinking", role: "status" }, el("span", { class: "dots", "aria-hidden": "true" }, el("i"), el("i"), el("i")), `${name} is thinking…`);
}

function contentNodes(message, { v2, loading }) {
  if (loading) return [thinking(nameOf(message.author.id, message.author))];
  if (message.type === 18) {
    const id = message.message_reference?.channel_id;
    return [el("div", { class: "markdown system-text" }, el("strong", { text: nameOf(message.author.id, message.author) }), " started a thread: ",
      el("a", { href: id ? hrefOf(id) : null, text: message.content }), el("time", { text: stamp(timeOfId(message.id)) }))];
  }
  if (message.type === 1) {
    const added = (message.mentions ?? []).map((one) => nameOf(one.id, one)).join(", ");
    return [el("div", { class: "system-text", text: `${nameOf(message.author.id, message.author)} added ${added} to the thread.` })];
  }
  if (message.type === 7) return [el("div", { class: "system-text", text: `${nameOf(message.author.id, message.author)} joined the server.` })];
  if (message.type === 6) return [el("div", { class: "system-text", text: `${nameOf(message.author.id, message.author)} pinned a message.` })];
  if (v2 || !message.content) return message.edited_timestamp && !v2 && !message.content ? [] : [];
  const body = el("div", { class: `markdown${EMOJI_ONLY.test(message.content) ? " jumbo" : ""}` }, markdown(message.content, resolver));
  if (message.edited_timestamp) {
    const last = body.lastElementChild;
    (last?.classList.contains("text") ? last : body).append(" ", edited(message));
  }
  return [body];
}

function attachmentNodes(message, cache) {
  const named = JSON.stringify(message.embeds ?? []);
  const all = (message.attachments ?? []).filter((one) => !named.includes(`"attachment://${one.filename}"`)); // shown there
  const media = all.filter((one) => kindOf(one) !== "file");
  const files = all.filter((one) => kindOf(one) === "file");
  const spoilt = (one) => ({ ...one, spoiler: one.filename?.startsWith("SPOILER_") });
  return [media.length ? gallery(media.map(spoilt), cache) : null, files.map((one) => fileChip(one))].flat();
}

function threadSignature(message) {
  const thread = message.thread && (state.channels.get(message.thread.id) ?? message.thread);
  return thread ? [thread.name, thread.archived, message.thread.message_count] : null;
}

function threadNodes(message) {
  if (!message.thread) return [];
  const thread = { ...message.thread, ...state.channels.get(message.thread.id) };
  const count = message.thread.message_count;
  const label = thread.archived ? "Archived" : count ? `${count} ${count === 1 ? "message" : "messages"}` : "See thread";
  return [el("a", { class: "thread-card", href: hrefOf(thread.id) }, icon("thread", 18),
    el("span", { class: "thread-name", text: thread.name }), el("span", { class: "thread-count" }, label, icon("right", 14)))];
}

/** The row of a command that has not been answered yet, or could not be. */
export function underwayNode(row) {
  const bot = userOf({ id: state.bot.id, bot: true });
  const name = nameOf(state.bot.id);
  const body = row.phase === "failed"
    ? [el("p", { class: "failure", role: "alert" }, icon("warning", 18), row.error), ephemeralNote(dismissUnderway(row))]
    : [row.phase === "thinking" ? thinking(name) : el("div", { class: "thinking", role: "status" }, el("span", { class: "dots", "aria-hidden": "true" }, el("i"), el("i"), el("i")), "Sending command…")];
  return el("li", { class: `message underway ${row.phase}`, data: { key: row.key } },
    el("div", { class: "part part-above" }, el("div", { class: "reference" }, avatar(state.me, nameOf(state.me.id), 16), el("strong", { text: nameOf(state.me.id) }), " used ", el("span", { class: "used", text: row.label }))),
    el("div", { class: "part part-header" }, el("span", { class: "gutter" }, avatar(bot, name, 40)), el("h3", { class: "author" }, el("span", { class: "author-name", text: name }), badge())),
    el("div", { class: "part part-content" }, body));
}
