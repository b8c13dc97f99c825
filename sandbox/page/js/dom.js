// Building of DOM nodes. The one way this page makes elements: never from markup strings, because
// names, prompts and messages are untrusted text. Knows nothing of chats.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element. `props` may hold `class`, `text`, `on` (listeners), `data` (dataset), `style`
 * (set property by property, which the page's content policy allows) and plain attributes;
 * an attribute that is null, undefined or false is left out.
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") node.className = value;
    else if (name === "text") node.textContent = value;
    else if (name === "on") for (const [type, fn] of Object.entries(value)) node.addEventListener(type, fn);
    else if (name === "data") Object.assign(node.dataset, value);
    else if (name === "style") for (const [key, css] of Object.entries(value)) node.style.setProperty(key, css);
    else if (name === "value" || name === "checked" || name === "muted") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  append(node, children);
  return node;
}

export function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child);
  }
}

export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  for (const child of children) node.append(child);
  return node;
}

export function replace(node, ...children) {
  node.replaceChildren();
  append(node, children);
  return node;
}

/** An icon button: the label is its accessible name and its tooltip. */
export function iconButton(icon, label, onClick, props = {}) {
  return el(
    "button",
    { type: "button", "aria-label": label, title: label, ...props,
      class: `icon-button ${props.class ?? ""}`.trim(), on: { click: onClick } },
    icon,
  );
}

/** Moves focus among the items of a list with the arrow keys; only one item is in the tab order. */
export function rove(container, selector, { horizontal = false } = {}) {
  const items = () => [...container.querySelectorAll(selector)].filter((item) => item.offsetParent !== null);
  const enter = (item) => {
    for (const other of container.querySelectorAll(selector)) other.tabIndex = other === item ? 0 : -1;
  };
  container.addEventListener("focusin", (event) => {
    const item = event.target.closest(selector);
    if (item && container.contains(item)) enter(item);
  });
  container.addEventListener("keydown", (event) => {
    const forward = horizontal ? ["ArrowRight", "ArrowDown"] : ["ArrowDown"];
    const back = horizontal ? ["ArrowLeft", "ArrowUp"] : ["ArrowUp"];
    if (!event.target.matches(selector)) return;
    const all = items();
    const at = all.indexOf(event.target);
    let next = null;
    if (forward.includes(event.key)) next = all[Math.min(at + 1, all.length - 1)];
    else if (back.includes(event.key)) next = all[Math.max(at - 1, 0)];
    else if (event.key === "Home") next = all[0];
    else if (event.key === "End") next = all[all.length - 1];
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
  return { refresh() { // one item must stay reachable by Tab after the list was drawn again
    const all = [...container.querySelectorAll(selector)];
    if (all.length && !all.some((item) => item.tabIndex === 0)) all[0].tabIndex = 0;
  } };
}
