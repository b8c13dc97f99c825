// A person's interactions with the bot, from the press to the answer: sending, thinking, failed, or
// a modal that wants to be opened. Owns the rows that only the sender sees meanwhile.

import { api } from "./api.js";
import { closeModalFor, openModal } from "./modal.js";
import { emit, on, putInteraction, state } from "./store.js";

const FAILED = "The application did not respond";
const SETTLED = ["answered", "modal", "failed"];

/** Commands under way or failed, newest last: `{key, channelId, label, targetId, phase, error}`. */
export const underway = [];
/** Per message: the custom_id being waited for, and the sentence of a failed press. */
export const busy = new Map();
export const failures = new Map();

const LABELS_KEY = "retake.labels";
const LABELS_KEPT = 300;

/** What was typed for an interaction: its answer names only the interaction. Survives a reload. */
export const labels = new Map(JSON.parse(sessionStorage.getItem(LABELS_KEY) ?? "[]"));

function keepLabel(id, label) {
  labels.set(id, label);
  sessionStorage.setItem(LABELS_KEY, JSON.stringify([...labels].slice(-LABELS_KEPT)));
}

let counter = 0;

function changed(channelId, id) {
  emit("messages", { channelId, id });
}

/**
 * The interaction's end. Events tell it; a look after 4 s and then every 15 s covers an event that
 * was lost with the stream.
 */
function settled(id, onDeferred) {
  return new Promise((resolve) => {
    let timer = null;
    const seen = (interaction) => {
      if (interaction?.id !== id) return;
      if (SETTLED.includes(interaction.state)) {
        off();
        clearTimeout(timer);
        resolve(interaction);
      } else if (interaction.state === "deferred") onDeferred(interaction);
    };
    const off = on("interactions", seen);
    const look = async (next) => {
      try {
        putInteraction(await api.interaction(id));
      } catch (error) {
        if (error.status === 404) putInteraction({ id, state: "failed", error: FAILED });
      }
      if (!SETTLED.includes(state.interactions.get(id)?.state)) timer = setTimeout(() => look(15000), next);
    };
    const known = state.interactions.get(id);
    if (known) seen(known);
    if (!SETTLED.includes(known?.state)) look(4000);
  });
}

async function run(post, onDeferred = () => {}, label = null) {
  try {
    const { interaction_id: id } = await post();
    if (label) keepLabel(id, label);
    const end = await settled(id, onDeferred);
    if (end.state === "modal") openModal(end, answerModal);
    return end.state === "failed" ? end.error || FAILED : null;
  } catch (error) {
    if (error.status === undefined) throw error;
    return error.message;
  }
}

/** A slash command or a context-menu command: a row of its own until the answer is there. */
export async function invoke(post, { channelId, label }) {
  const row = { key: `local-${(counter += 1)}`, channelId, label, phase: "sending", error: null, messageId: null };
  underway.push(row);
  changed(channelId);
  const error = await run(post, (interaction) => {
    row.phase = "thinking";
    row.messageId = interaction.message_id ?? null;
    changed(channelId);
  }, label);
  if (error) Object.assign(row, { phase: "failed", error });
  else underway.splice(underway.indexOf(row), 1);
  changed(channelId);
  if (error) emit("announce", error);
}

export function dismissRow(row) {
  underway.splice(underway.indexOf(row), 1);
  changed(row.channelId);
}

/** A button or a select of a message. */
export async function press(message, component, values) {
  busy.set(message.id, component.custom_id);
  failures.delete(message.id);
  changed(message.channel_id, message.id);
  const free = () => {
    busy.delete(message.id);
    changed(message.channel_id, message.id);
  };
  const error = await run(() => api.component(state.me.id, { message_id: message.id, custom_id: component.custom_id, values }), free);
  busy.delete(message.id);
  if (error) {
    failures.set(message.id, error);
    emit("announce", error);
  }
  changed(message.channel_id, message.id);
}

/** Sends a modal's values; the error's sentence, or null when it was taken. */
async function answerModal(interaction, values) {
  return run(
    () => api.modal(state.me.id, { interaction_id: interaction.id, values }),
    () => closeModalFor(interaction.id),
  );
}
