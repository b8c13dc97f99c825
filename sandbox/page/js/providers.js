// The panel at the right: what stands behind the bot. Per provider the money, how long a task takes,
// faults to come, the tasks with their progress, and the last calls. Asks the control interface; knows
// nothing of the chat.

import { api } from "./api.js";
import { el, replace } from "./dom.js";
import { icon } from "./icons.js";
import { local } from "./media.js";
import { emit, on } from "./store.js";
import { clockTime, duration, everySecond } from "./time.js";

const NAMES = { evolink: "EvoLink", apimart: "APIMart" };
const MODES = { text: "Text to video", image: "Image to video", reference: "References", edit: "Edit", extend: "Extend" };
const NEXT_TASK = [
  ["Rejected", "Accepted, then rejected under the content rules", { on: "task", kind: "moderation" }],
  ["Fails", "Accepted, then fails", { on: "task", kind: "fail" }],
  ["No video", "Finishes without a video", { on: "task", kind: "no_video" }],
];
const NEXT_REQUEST = [
  ["Out of credit", "Refused: the account has no money left (402)", { on: "submit", kind: "status", status: 402 }],
  ["Too busy", "Refused: too many requests (429)", { on: "submit", kind: "status", status: 429, retry_after: 5 }],
  ["Broken", "Fails with a server error (500)", { on: "submit", kind: "status", status: 500 }],
  ["Answer lost", "Accepted, but the connection breaks before the answer", { on: "submit", kind: "drop_after" }],
];
const PRESETS = [...NEXT_TASK, ...NEXT_REQUEST];
const OVER = ["completed", "succeeded", "success", "failed", "cancelled", "canceled", "error"];
const isOver = (task) => OVER.includes(String(task.status).toLowerCase());
const went = (task) => (/fail|error|cancel/i.test(task.status) ? "bad" : isOver(task) ? "good" : "live");
const usd = (amount) => `$${Number(amount ?? 0).toFixed(2)}`;
const fine = (amount) => `$${Number(amount ?? 0).toFixed(3).replace(/0$/, "")}`;
const unix = (at) => (typeof at === "number" ? new Date(at * 1000) : new Date(at));

export class ProviderPanel {
  #cards = new Map();
  #asked = false;
  #again = false;
  shown = false; // while it is hidden it asks nothing

  constructor() {
    this.body = el("div", { class: "panel-body" });
    this.node = el("aside", { class: "provider-panel", id: "providers", "aria-label": "Video services" },
      el("header", { class: "panel-header" }, el("h2", { text: "Video services" }), el("p", { text: "Stand-ins for the companies that make the videos. Nothing costs money here." })), this.body);
    on("providers", () => this.refresh());
    everySecond(() => this.#busy() && this.refresh());
  }

  #busy() {
    return this.shown && [...this.#cards.values()].some((card) => card.live);
  }

  /** One question at a time; what happened meanwhile is asked for once more after it. */
  async refresh() {
    if (!this.shown) return;
    if (this.#asked) {
      this.#again = true;
      return;
    }
    this.#asked = true;
    try {
      const providers = await api.providers();
      for (const [name, state] of Object.entries(providers)) this.#card(name).draw(state);
    } catch (error) {
      if (!this.#cards.size) replace(this.body, el("p", { class: "nothing", text: error.message }));
    }
    this.#asked = false;
    if (this.#again) {
      this.#again = false;
      setTimeout(() => this.refresh(), 250);
    }
  }

  #card(name) {
    if (!this.#cards.has(name)) {
      if (!this.#cards.size) this.body.replaceChildren();
      const card = new ProviderCard(name, () => this.refresh());
      this.#cards.set(name, card);
      this.body.append(card.node);
    }
    return this.#cards.get(name);
  }
}

class ProviderCard {
  #sliding = false;
  #tasks = new Map();

  constructor(name, refresh) {
    this.name = name;
    this.refresh = refresh;
    this.live = false;
    const label = NAMES[name] ?? name;
    this.money = el("dl", { class: "money" });
    this.speed = el("input", { type: "range", min: 1, max: 60, step: 1, value: 8, id: `speed-${name}`, "aria-label": `${label}: seconds per video` });
    this.speedText = el("output", { for: `speed-${name}` });
    this.waiting = el("div", { class: "waiting-faults", "aria-live": "polite" });
    this.tasks = el("ul", { class: "tasks", "aria-label": `${label}: tasks` });
    this.calls = el("ul", { class: "calls", "aria-label": `${label}: last calls` });
    this.callCount = el("span", { class: "summary-note" });
    this.taskCount = el("span", { class: "summary-note" });
    this.speed.addEventListener("input", () => {
      this.#sliding = true;
      replace(this.speedText, duration(Number(this.speed.value)));
    });
    this.speed.addEventListener("change", () => this.#do(() => api.setProvider(name, { seconds: Number(this.speed.value) })).then(() => { this.#sliding = false; }));
    this.node = el("section", { class: "provider", "aria-label": label, data: { provider: name } },
      el("header", { class: "provider-header" }, el("h3", { text: label }), this.money),
      el("div", { class: "speed" }, el("label", { for: `speed-${name}`, text: "A video takes" }), this.speed, this.speedText),
      this.#presets("Next video", NEXT_TASK), this.#presets("Next request", NEXT_REQUEST), this.waiting,
      el("details", { open: true }, el("summary", {}, icon("right", 14), "Videos", this.taskCount), this.tasks),
      el("details", {}, el("summary", {}, icon("right", 14), "Last calls", this.callCount), this.calls));
  }

  #presets(label, presets) {
    return el("div", { class: "presets", role: "group", "aria-label": `${NAMES[this.name] ?? this.name}: ${label}` }, el("span", { class: "presets-label", text: label }),
      el("div", { class: "preset-buttons" }, presets.map(([text, title, fault]) => el("button", { type: "button", class: "preset", title, text, on: { click: () => this.#do(() => api.addFault(this.name, { ...fault, times: 1 })) } }))));
  }

  async #do(act) {
    try {
      await act();
    } catch (error) {
      emit("notice", error.message);
    }
    await this.refresh();
  }

  draw(state) {
    replace(this.money, el("div", {}, el("dt", { text: "Balance" }), el("dd", { text: usd(state.balance_usd) })), el("div", {}, el("dt", { text: "Charged" }), el("dd", { class: "charged", text: fine(state.charged_usd) })));
    if (!this.#sliding) {
      this.speed.value = state.settings.seconds;
      replace(this.speedText, duration(Math.round(state.settings.seconds)));
    }
    const faults = state.faults ?? [];
    replace(this.waiting, faults.length ? [el("span", { text: `Next: ${faults.map((fault) => describe(fault)).join(", ")}` }), el("button", { type: "button", class: "text-link", text: "Clear", on: { click: () => this.#do(() => api.clearFaults(this.name)) } })] : null);
    this.live = state.tasks.some((task) => !isOver(task));
    replace(this.taskCount, String(state.tasks.length));
    replace(this.callCount, String(state.calls.length));
    this.#drawTasks(state.tasks.slice(0, 20));
    replace(this.calls, state.calls.slice(0, 30).map(callRow));
  }

  /** Rows are kept while a task lasts, so that a button does not vanish under the finger. */
  #drawTasks(tasks) {
    const rows = tasks.map((task) => {
      const kind = `${went(task)} ${task.result_url ?? ""}`;
      const known = this.#tasks.get(task.id);
      if (known?.kind !== kind) this.#tasks.set(task.id, { kind, ...this.#taskRow(task) });
      const row = this.#tasks.get(task.id);
      const progress = Math.round(task.progress ?? 0);
      row.bar.style.setProperty("--progress", `${progress}%`);
      row.bar.setAttribute("aria-valuenow", String(progress));
      replace(row.facts, [task.status, isOver(task) ? null : `${progress} %`, task.charged_usd ? fine(task.charged_usd) : isOver(task) ? "not charged" : null].filter(Boolean).join(" · "));
      return row.node;
    });
    for (const id of [...this.#tasks.keys()]) if (!tasks.some((task) => task.id === id)) this.#tasks.delete(id);
    if (rows.length) {
      for (const node of [...this.tasks.children]) if (!rows.includes(node)) node.remove();
      rows.forEach((node, at) => this.tasks.children[at] !== node && this.tasks.insertBefore(node, this.tasks.children[at] ?? null));
    } else replace(this.tasks, el("li", { class: "nothing", text: "No videos yet" }));
  }

  #taskRow(task) {
    const over = isOver(task);
    const bar = el("div", { class: "bar", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100, "aria-label": "Progress" });
    const facts = el("span", { class: "task-facts" });
    const act = (text, what, title) => el("button", { type: "button", class: "task-button", text, title, on: { click: () => this.#do(() => api.steerTask(this.name, task.id, what)) } });
    const url = task.result_url && went(task) === "good" ? el("a", { class: "task-button", href: local(task.result_url), target: "_blank", rel: "noopener noreferrer", text: "Result" }) : null;
    const node = el("li", { class: `task ${went(task)}`, data: { task: task.id } },
      el("div", { class: "task-title" }, el("i", { class: "task-dot", "aria-hidden": "true" }), el("span", { class: "task-mode", text: MODES[task.mode] ?? (task.mode ?? "task").replaceAll("_", " "), title: `${task.model} · ${task.id}` }), facts),
      el("p", { class: "task-prompt", text: task.prompt || "(no prompt)", title: task.prompt }), over ? null : bar,
      task.error ? el("p", { class: "task-error", text: typeof task.error === "string" ? task.error : task.error.message ?? task.error.code }) : null,
      over && !url ? null : el("div", { class: "task-actions" }, over ? url : [act("Finish now", { do: "finish" }), act("Fail", { do: "fail" })]));
    return { node, bar, facts };
  }
}

function describe(fault) {
  const preset = PRESETS.find(([,, one]) => one.on === fault.on && one.kind === fault.kind && one.status === (fault.status || undefined));
  const what = fault.kind === "status" ? fault.status : String(fault.kind).replaceAll("_", " ");
  return `${preset ? preset[0] : `${fault.on} ${what}`}${fault.times > 1 ? ` ×${fault.times}` : ""}`;
}

function callRow(call) {
  const kind = !call.status ? "bad" : call.status < 300 ? "good" : call.status < 500 ? "warn" : "bad";
  return el("li", { class: "call" }, el("time", { text: clockTime(unix(call.at)) }), el("span", { class: "method", text: call.method }), el("span", { class: "path", text: call.path, title: call.path }),
    el("span", { class: `status ${kind}`, text: call.status ? String(call.status) : "lost" }), el("span", { class: "ms", text: `${Math.round(call.ms ?? 0)} ms` }));
}
