// Discord's Markdown, the part of it people and bots use, turned into DOM nodes. Text becomes text
// nodes and nothing else; links open only http, https and mailto. Names of users, roles and channels
// are asked from the resolver it is given, so it knows nothing of the store.

import { append, el } from "./dom.js";
import { timestamp } from "./time.js";

/** Block level: code fences, quotes, headings, small text, lists, paragraphs. */
export function markdown(text, resolver) {
  const nodes = [];
  const fence = /```(?:([\w+#-]+)\n)?\n?([\s\S]*?)\n?```/g;
  let at = 0;
  for (const match of text.matchAll(fence)) {
    nodes.push(...blocks(text.slice(at, match.index).replace(/\n$/, ""), resolver));
    nodes.push(el("pre", { tabindex: 0 }, el("code", { text: match[2], "data-language": match[1] ?? null })));
    at = match.index + match[0].length;
    if (text[at] === "\n") at += 1;
  }
  nodes.push(...blocks(text.slice(at), resolver));
  return nodes;
}

function blocks(text, resolver) {
  if (!text) return [];
  const lines = text.split("\n");
  const nodes = [];
  let plain = [];
  const flush = () => {
    if (plain.length) nodes.push(el("div", { class: "text" }, inline(plain.join("\n"), resolver)));
    plain = [];
  };
  for (let i = 0; i < lines.length; i += 1) {
    const line = lines[i];
    const heading = /^(#{1,3}) +(\S.*)$/.exec(line);
    const small = /^-# +(\S.*)$/.exec(line);
    if (line.startsWith(">>> ")) {
      flush();
      nodes.push(el("blockquote", {}, blocks([line.slice(4), ...lines.slice(i + 1)].join("\n"), resolver)));
      return nodes;
    }
    if (/^> ?/.test(line) && (line.startsWith("> ") || line === ">")) {
      flush();
      const quoted = [];
      while (i < lines.length && (lines[i].startsWith("> ") || lines[i] === ">")) quoted.push(lines[i++].slice(2));
      i -= 1;
      nodes.push(el("blockquote", {}, blocks(quoted.join("\n"), resolver)));
    } else if (heading) {
      flush();
      const level = heading[1].length;
      nodes.push(el("div", { class: `heading h${level}`, role: "heading", "aria-level": level + 2 }, inline(heading[2], resolver)));
    } else if (small) {
      flush();
      nodes.push(el("div", { class: "small-text" }, inline(small[1], resolver)));
    } else if (isItem(line)) {
      flush();
      const items = [];
      const kind = kindOf(line);
      while (i < lines.length && ((isItem(lines[i]) && (/^\s{2,}/.test(lines[i]) || kindOf(lines[i]) === kind)) || (/^\s{2,}\S/.test(lines[i]) && items.length))) items.push(lines[i++]);
      i -= 1;
      nodes.push(list(items, resolver));
    } else {
      plain.push(line);
    }
  }
  flush();
  return nodes;
}

const ITEM = /^(\s*)(?:([-*])|(\d{1,9})\.)\s+(\S.*)$/;
const isItem = (line) => ITEM.test(line);
const kindOf = (line) => (ITEM.exec(line)[3] ? "ol" : "ul");

function list(lines, resolver) {
  const first = ITEM.exec(lines[0]);
  const depth = first[1].length;
  const node = first[3] ? el("ol", { start: first[3] }) : el("ul");
  let inner = [];
  let item = null;
  const close = () => {
    if (inner.length && item) item.append(list(inner, resolver));
    inner = [];
  };
  for (const line of lines) {
    const match = ITEM.exec(line);
    if (match && match[1].length > depth && item) {
      inner.push(line);
    } else if (match) {
      close();
      item = el("li", {}, inline(match[4], resolver));
      node.append(item);
    } else if (inner.length) {
      inner.push(line);
    } else {
      append(item, [document.createTextNode("\n"), inline(line.trim(), resolver)]);
    }
  }
  close();
  return node;
}

// -- inline -------------------------------------------------------------------

const LINK = /^https?:\/\/[^\s<>]+[^\s<>.,:;"'\])!?]/;

/** Each rule: a pattern that must match at the very place, and what becomes of the match. */
const RULES = [
  [/^\\([^\w\s])/, (m) => text(m[1])],
  [/^(`+)([\s\S]*?[^`])\1(?!`)/, (m) => el("code", { text: m[2].trim() || m[2] })],
  [/^<t:(-?\d{1,13})(?::([tTdDfFR]))?>/, (m) => timestamp(Number(m[1]), m[2])],
  [/^<@!?(\d+)>/, (m, r) => mention(`@${r.user(m[1])}`, { "data-user": m[1] })],
  [/^<@&(\d+)>/, (m, r) => mention(`@${r.role(m[1])}`, {})],
  [/^<#(\d+)>/, (m, r) => channelMention(m[1], r)],
  [/^<\/([^:>]{1,100}):(\d+)>/, (m, r) => commandMention(m[1], r)],
  [/^<a?(:\w{2,32}:)\d+>/, (m) => el("span", { class: "emoji", text: m[1] })],
  [/^\[([^\]]+)\]\(<?(https?:\/\/[^\s)>]+|mailto:[^\s)>]+)>?(?:\s+"([^"]*)")?\)/, (m, r) => masked(m, r)],
  [/^<(https?:\/\/[^\s<>]+)>/, (m) => anchor(m[1], m[1])],
  [LINK, (m) => anchor(m[0], m[0])],
  [/^@(everyone|here)\b/, (m) => mention(m[0], {})],
  [/^\*\*\*(\S(?:[\s\S]*?\S)?)\*\*\*(?!\*)/, (m, r) => el("strong", {}, el("em", {}, inline(m[1], r)))],
  [/^\*\*([\s\S]+?)\*\*(?!\*)/, (m, r) => el("strong", {}, inline(m[1], r))],
  [/^__([\s\S]+?)__(?!_)/, (m, r) => el("u", {}, inline(m[1], r))],
  [/^\*(?=\S)((?:\*\*|[^*])+?)\*(?!\*)/, (m, r) => (/\s$/.test(m[1]) ? null : el("em", {}, inline(m[1], r)))],
  [/^_((?:__|\\[\s\S]|[^\\_])+?)_(?!\w)/, (m, r, before) => (/\w$/.test(before) ? null : el("em", {}, inline(m[1], r)))],
  [/^~~([\s\S]+?)~~(?!~)/, (m, r) => el("s", {}, inline(m[1], r))],
  [/^\|\|([\s\S]+?)\|\|/, (m, r) => spoiler(inline(m[1], r))],
];
const START = /[\\`<[*_~|@h]/;

const text = (value) => document.createTextNode(value);

export function inline(source, resolver) {
  const nodes = [];
  let plain = "";
  let rest = source;
  let before = "";
  while (rest) {
    let found = null;
    let node = null;
    if (START.test(rest[0])) {
      for (const [pattern, make] of RULES) {
        found = pattern.exec(rest);
        node = found && make(found, resolver, before);
        if (node) break;
      }
    }
    if (node) {
      if (plain) nodes.push(text(plain));
      plain = "";
      nodes.push(node);
      before = found[0];
      rest = rest.slice(found[0].length);
    } else {
      const next = rest.slice(1).search(START);
      const length = next < 0 ? rest.length : next + 1;
      before = rest.slice(0, length);
      plain += before;
      rest = rest.slice(length);
    }
  }
  if (plain) nodes.push(text(plain));
  return nodes;
}

function anchor(href, label, title = null) {
  return el("a", { href, title, target: "_blank", rel: "noopener noreferrer" }, label);
}

function masked(match, resolver) {
  if (/https?:\/\//.test(match[1])) return text(match[0]); // a label that poses as another address
  return anchor(match[2], inline(match[1], resolver), match[3] ?? match[2]);
}

const mention = (label, attributes) => el("span", { class: "mention", ...attributes, text: label });

function channelMention(id, resolver) {
  const channel = resolver.channel(id);
  if (!channel) return mention("#no-access", {});
  return el("a", { class: "mention", href: channel.href, text: `#${channel.name}` });
}

function commandMention(name, resolver) {
  return el("button", { type: "button", class: "mention command-mention", text: `/${name}`, on: { click: () => resolver.command(name) } });
}

export function spoiler(children) {
  const cover = el("span", { class: "spoiler", role: "button", tabindex: 0, "aria-label": "Spoiler: press to show", "aria-expanded": "false" },
    el("span", { class: "spoiler-text", "aria-hidden": "true" }, children));
  const show = () => {
    cover.classList.add("shown");
    cover.setAttribute("aria-expanded", "true");
    cover.removeAttribute("aria-label");
    cover.firstChild.removeAttribute("aria-hidden");
  };
  cover.addEventListener("click", show);
  cover.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    show();
  });
  return cover;
}

/** One line without marks, for previews of replies and for announcements. */
export function plainText(source, resolver) {
  const shell = el("div", {}, inline(source.replace(/^(#{1,3}|-#|>{1,3}) +/gm, ""), resolver));
  return shell.textContent.replace(/\s+/g, " ").trim();
}
