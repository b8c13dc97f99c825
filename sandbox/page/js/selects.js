// Select menus, of messages and of modals alike: what can be chosen, what is chosen now, and the
// button that opens the list. What a choice leads to is the caller's.

import { el } from "./dom.js";
import { avatar, icon } from "./icons.js";
import { channelsHere, peopleHere, rolesHere, titleOf } from "./names.js";
import { openListbox } from "./popover.js";
import { nameOf } from "./store.js";

const users = () => peopleHere().map((user) => ({ value: user.id, label: nameOf(user.id), description: user.username, picture: avatar(user, nameOf(user.id), 24) }));
const roles = () => rolesHere().map((role) => ({ value: role.id, label: role.name, picture: icon("at", 20) }));
const channels = (component) =>
  channelsHere(component.channel_types).map((channel) => ({ value: channel.id, label: titleOf(channel), picture: icon("hash", 20) }));
const strings = (component) =>
  component.options.map((option) => ({ value: option.value, label: option.label, description: option.description, emoji: option.emoji?.name }));

const SOURCES = { 3: strings, 5: users, 6: roles, 7: () => [...users(), ...roles()], 8: channels };

export const isSelect = (component) => component.type in SOURCES;

export function initialValues(component) {
  if (component.type === 3) return component.options.filter((option) => option.default).map((option) => option.value);
  return (component.default_values ?? []).map((value) => value.id);
}

/** The button of a select; `onPick` gets the list of values. */
export function selectButton(component, { values, label, disabled = false, onPick }) {
  const choices = SOURCES[component.type](component);
  const chosen = choices.filter((choice) => values.includes(choice.value));
  const placeholder = component.placeholder || (component.type === 3 ? "Make a selection" : "Choose…");
  const text = chosen.map((choice) => choice.label).join(", ");
  const button = el("button", {
    type: "button", class: `select${chosen.length ? "" : " empty"}`, "aria-haspopup": "listbox", "aria-expanded": "false", disabled: disabled || component.disabled,
    "aria-label": `${label ?? placeholder}${text ? `: ${text}` : ""}`, data: { key: component.custom_id },
    on: { click: () => openListbox({ choices: SOURCES[component.type](component), selected: values, min: component.min_values ?? 1,
      max: component.max_values ?? 1, opener: button, label: label ?? placeholder, onPick }) },
  }, chosen.length === 1 && chosen[0].emoji ? el("span", { class: "emoji", text: chosen[0].emoji }) : null,
  el("span", { class: "select-text", text: text || placeholder }), icon("down", 20));
  return button;
}
