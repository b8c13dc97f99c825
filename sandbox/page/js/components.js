// Message components, both generations: action rows with buttons and selects, and the layout blocks
// (containers, sections, text, separators, galleries, files). Draws what a message carries and hands
// presses to the interactions; knows nothing of the message list.

import { hex } from "./colours.js";
import { el } from "./dom.js";
import { icon } from "./icons.js";
import { press } from "./interactions.js";
import { markdown, spoiler } from "./markdown.js";
import { fileChip, gallery, mediaNode } from "./media.js";
import { resolver } from "./names.js";
import { initialValues, isSelect, selectButton } from "./selects.js";

const BUTTONS = { 1: "primary", 2: "secondary", 3: "success", 4: "danger", 5: "link", 6: "premium" };

const KINDS = {
  1: actionRow, 2: button, 9: section, 10: textDisplay, 11: thumbnail, 12: mediaGallery, 13: file, 14: separator, 17: container,
};

/** `context` is `{message, cache, busy}`: the message the components belong to and what is pressed. */
export function componentNodes(components, context) {
  return components.map((component) => componentNode(component, context));
}

function componentNode(component, context) {
  if (isSelect(component)) return select(component, context);
  const draw = KINDS[component.type];
  return draw ? draw(component, context) : el("div", { class: "unknown", text: `Component of type ${component.type}` });
}

function actionRow(component, context) {
  return el("div", { class: "action-row" }, componentNodes(component.components, context));
}

export function emojiNode(emoji) {
  if (!emoji?.name) return null;
  return el("span", { class: "emoji", "aria-hidden": "true", text: emoji.id ? `:${emoji.name}:` : emoji.name });
}

function button(component, { message, busy }) {
  const kind = BUTTONS[component.style] ?? "secondary";
  const label = component.label ? el("span", { class: "button-label", text: component.label }) : null;
  const name = component.label ?? component.emoji?.name ?? "Button";
  if (kind === "link") {
    return el("a", { class: "button link-button", href: /^(https?|discord):/.test(component.url) ? component.url : null, target: "_blank",
      rel: "noopener noreferrer", "aria-disabled": component.disabled ? "true" : null }, emojiNode(component.emoji), label, icon("external", 16));
  }
  const waiting = busy === component.custom_id;
  return el("button", {
    type: "button", class: `button ${kind}${waiting ? " waiting" : ""}`, disabled: component.disabled, "aria-label": component.label ? null : name,
    "aria-busy": waiting ? "true" : null, data: { key: component.custom_id ?? "" },
    on: { click: () => !busy && press(message, component, []) },
  }, emojiNode(component.emoji), label);
}

function select(component, { message, busy }) {
  return selectButton(component, {
    values: initialValues(component), disabled: busy === component.custom_id,
    onPick: (values) => press(message, component, values),
  });
}

function textDisplay(component) {
  return el("div", { class: "markdown text-display" }, markdown(component.content, resolver));
}

function section(component, context) {
  return el("div", { class: "section" },
    el("div", { class: "section-texts" }, componentNodes(component.components, context)),
    component.accessory ? el("div", { class: "section-accessory" }, componentNode(component.accessory, context)) : null);
}

/** Media of a layout carries what the attachment of the same address knows: name, type, size. */
function facts(media, component, { message }) {
  const attachment = message.attachments?.find((one) => one.id === media.attachment_id
    || keyless(one.url) === keyless(media.url) || media.url === `attachment://${one.filename}`);
  return { ...attachment, ...media, url: attachment?.url ?? media.url, filename: attachment?.filename ?? component.name,
    content_type: media.content_type ?? attachment?.content_type, size: attachment?.size ?? component.size,
    description: component.description ?? attachment?.description, spoiler: component.spoiler };
}

const keyless = (url) => (url ?? "").split("?")[0];

function thumbnail(component, context) {
  return el("div", { class: "thumbnail" }, mediaNode(facts(component.media, component, context), context.cache));
}

function mediaGallery(component, context) {
  return gallery(component.items.map((item) => facts(item.media, item, context)), context.cache);
}

function file(component, context) {
  const chip = fileChip(facts(component.file, component, context));
  return component.spoiler ? spoiler(chip) : chip;
}

function separator(component) {
  return el("div", { class: `separator${component.divider === false ? " bare" : ""}${component.spacing === 2 ? " wide" : ""}`, role: "separator" });
}

function container(component, context) {
  const tinted = typeof component.accent_color === "number";
  const box = el("div", { class: `container${tinted ? " tinted" : ""}`, style: tinted ? { "--accent": hex(component.accent_color) } : {} },
    componentNodes(component.components, context));
  return component.spoiler ? spoiler(box) : box;
}
