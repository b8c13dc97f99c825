// Modals the bot opens: labels with text inputs, selects, file uploads, radio groups and checkboxes,
// and plain text. Owns the form and its checks; sending is the caller's.

import { el, iconButton, replace } from "./dom.js";
import { avatar, icon } from "./icons.js";
import { markdown } from "./markdown.js";
import { resolver } from "./names.js";
import { initialValues, isSelect, selectButton } from "./selects.js";
import { nameOf, state, userOf } from "./store.js";
import { UploadList, chooseFiles, uploadCard } from "./uploads.js";

let open = null;

export function closeModalFor(interactionId) {
  if (open?.id === interactionId) open.dialog.close();
}

/** Opens an interaction's modal; `answer(interaction, values)` gives a sentence if it went wrong. */
export function openModal(interaction, answer) {
  const { title, components } = interaction.modal;
  const fields = [];
  const back = document.activeElement;
  const bot = userOf({ id: state.bot.id, bot: true });
  const problem = el("p", { class: "modal-problem", role: "alert" });
  const submit = el("button", { type: "submit", class: "button primary", text: "Submit" });
  const body = el("div", { class: "modal-body" }, components.map((component) => topLevel(component, fields)));
  const form = el("form", { class: "modal-form", novalidate: true },
    el("header", { class: "modal-header" }, avatar(bot, "Retake", 28), el("h2", { text: title }),
      iconButton(icon("close", 22), "Close", () => dialog.close())),
    el("p", { class: "modal-note", text: `This form is sent to ${nameOf(state.bot.id)}.` }),
    body, problem,
    el("footer", { class: "modal-footer" },
      el("button", { type: "button", class: "button ghost", text: "Cancel", on: { click: () => dialog.close() } }), submit));
  const dialog = el("dialog", { class: "modal", "aria-label": title }, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    replace(problem);
    const wrong = fields.filter((field) => !field.check());
    if (wrong.length) {
      wrong[0].focus();
      return;
    }
    submit.disabled = true;
    submit.classList.add("waiting");
    const values = {};
    const sentence = await (async () => {
      for (const field of fields) values[field.id] = await field.value();
      return answer(interaction, values);
    })().catch((error) => error.message);
    submit.disabled = false;
    submit.classList.remove("waiting");
    if (sentence) replace(problem, icon("warning", 18), sentence);
    else dialog.close();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => {
    dialog.remove();
    open = null;
    if (back?.isConnected) back.focus({ preventScroll: true });
  });
  open?.dialog.close();
  document.body.append(dialog);
  open = { id: interaction.id, dialog };
  dialog.showModal();
  (body.querySelector("textarea, input, button") ?? submit).focus();
}

function topLevel(component, fields) {
  if (component.type === 10) return el("div", { class: "markdown text-display" }, markdown(component.content, resolver));
  if (component.type === 1) return component.components.map((one) => labelled(one, { label: one.label ?? "" }, fields));
  return labelled(component.component, component, fields);
}

function labelled(component, { label, description }, fields) {
  const field = makeField(component, label);
  fields.push(field);
  const optional = component.required === false || component.type === 23 ? null : el("span", { class: "must", "aria-hidden": "true", text: " *" });
  const group = component.type === 21 || component.type === 22;
  const caption = component.type === 23 ? null : el(group ? "legend" : "label", { class: "field-label", for: group ? null : field.control }, label, optional);
  return el(group ? "fieldset" : "div", { class: "modal-field" }, caption,
    description ? el("p", { class: "field-description", text: description }) : null, field.node, field.problem);
}

let serial = 0;

/** A field: its node, its id, `value()`, `check()` and `focus()`. */
function makeField(component, label) {
  const control = `field-${(serial += 1)}`;
  const problem = el("p", { class: "field-problem", id: `${control}-problem`, role: "alert" });
  const shared = { id: component.custom_id, control, problem, required: component.required !== false };
  const make = isSelect(component) ? selectField : { 4: textField, 19: fileField, 21: radioField, 22: boxesField, 23: boxField }[component.type];
  const field = { ...shared, ...make(component, { label, ...shared }) };
  field.check = () => {
    const sentence = field.fault();
    replace(problem, sentence);
    field.node.toggleAttribute("data-invalid", Boolean(sentence));
    return !sentence;
  };
  return field;
}

function textField(component, { control, required }) {
  const long = component.style === 2;
  const input = el(long ? "textarea" : "input", {
    id: control, class: "text-input", type: long ? null : "text", rows: long ? 4 : null, placeholder: component.placeholder, maxlength: component.max_length ?? 4000,
    "aria-required": required ? "true" : null, "aria-describedby": `${control}-problem`, autocomplete: "off", value: component.value ?? "",
  });
  const count = el("span", { class: "field-count" });
  const show = () => replace(count, component.max_length ? `${input.value.length} / ${component.max_length}` : "");
  input.addEventListener("input", show);
  show();
  return {
    node: el("div", { class: "text-field" }, input, count), value: () => input.value, focus: () => input.focus(),
    fault() {
      const text = input.value.trim();
      if (!text) return required ? "This field is required." : null;
      if (component.min_length && input.value.length < component.min_length) return `At least ${component.min_length} characters.`;
      return null;
    },
  };
}

function selectField(component, { control, label, required }) {
  let values = initialValues(component);
  const node = el("div", { class: "select-field" });
  const draw = (focus) => {
    const button = selectButton(component, { values, label, onPick: (picked) => { values = picked; draw(true); } });
    button.id = control;
    replace(node, button);
    if (focus) button.focus();
  };
  draw(false);
  return { node, value: () => values, focus: () => node.firstChild.focus(), fault: () => (required && !values.length ? "Choose something here." : null) };
}

function fileField(component, { control, required }) {
  const max = component.max_values ?? 1;
  const least = component.min_values ?? 1;
  const list = el("div", { class: "upload-list" });
  const files = new UploadList({ max, onChange: () => replace(list, files.entries.map((entry) => uploadCard(entry, () => files.remove(entry)))) });
  const button = el("button", { type: "button", id: control, class: "drop-zone", on: { click: () => chooseFiles({ multiple: max > 1, onFiles: (chosen) => files.add(chosen) }) } },
    icon("upload", 22), el("span", {}, el("strong", { text: "Choose files" }), " or drop them here"),
    el("span", { class: "drop-note", text: max > 1 ? `up to ${max} files` : "one file" }));
  for (const type of ["dragover", "drop"]) {
    button.addEventListener(type, (event) => {
      event.preventDefault();
      if (type === "drop") files.add([...event.dataTransfer.files]);
    });
  }
  return {
    node: el("div", { class: "file-field" }, button, list), value: () => files.ids(), focus: () => button.focus(),
    fault() {
      if (files.failed) return files.failed.error;
      if (required && files.entries.length < least) return least > 1 ? `At least ${least} files.` : "A file is required.";
      return null;
    },
  };
}

function choiceField(component, { control }, type) {
  const inputs = component.options.map((option) => el("input", { type, name: control, value: option.value, checked: option.default === true }));
  const node = el("div", { class: "choices", role: type === "radio" ? "radiogroup" : "group" }, component.options.map((option, at) =>
    el("label", { class: "choice" }, inputs[at], el("span", { class: "choice-text" }, el("span", { text: option.label }),
      option.description ? el("span", { class: "choice-description", text: option.description }) : null))));
  return { node, focus: () => inputs[0].focus(), values: () => inputs.filter((input) => input.checked).map((input) => input.value) };
}

function radioField(component, shared) {
  const field = choiceField(component, shared, "radio");
  return { ...field, value: () => field.values()[0] ?? null, fault: () => (shared.required && !field.values().length ? "Choose one." : null) };
}

function boxesField(component, shared) {
  const field = choiceField(component, shared, "checkbox");
  const least = shared.required ? component.min_values ?? 1 : 0;
  const most = component.max_values ?? component.options.length;
  return { ...field, value: field.values, fault() {
    const count = field.values().length;
    if (count < least) return `Choose at least ${least}.`;
    return count > most ? `Choose at most ${most}.` : null;
  } };
}

function boxField(component, { control, label }) {
  const input = el("input", { type: "checkbox", id: control, checked: component.default === true });
  return { node: el("label", { class: "choice", for: control }, input, el("span", { class: "choice-text", text: label })), value: () => input.checked, focus: () => input.focus(), fault: () => null };
}
