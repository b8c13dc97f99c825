// Embeds, the older kind of card. Draws one from Discord's embed object; knows nothing else.

import { hex } from "./colours.js";
import { el } from "./dom.js";
import { markdown } from "./markdown.js";
import { mediaNode } from "./media.js";
import { resolver } from "./names.js";
import { stamp } from "./time.js";

const linked = (url, content, name) =>
  url && /^https?:/.test(url)
    ? el("a", { class: name, href: url, target: "_blank", rel: "noopener noreferrer" }, content)
    : el("span", { class: name }, content);

/** A picture of an embed may name a file of its message instead of an address. */
function media(part, type, attachments) {
  const name = /^attachment:\/\/(.+)$/.exec(part?.url ?? "")?.[1];
  const file = name ? attachments.find((one) => one.filename === name) : null;
  if (!part || (name && !file)) return null;
  return { ...file, ...part, url: file?.url ?? part.url, content_type: part.content_type ?? file?.content_type ?? type };
}

export function embedNode(embed, attachments, cache) {
  const image = media(embed.image, "image/png", attachments);
  const video = media(embed.video, "video/mp4", attachments);
  const thumbnail = media(embed.thumbnail, "image/png", attachments);
  const colour = typeof embed.color === "number" && embed.color ? hex(embed.color) : null;
  const fields = (embed.fields ?? []).map((field) =>
    el("div", { class: `embed-field${field.inline ? " inline" : ""}` },
      el("div", { class: "embed-field-name" }, markdown(field.name, resolver)),
      el("div", { class: "embed-field-value markdown" }, markdown(field.value, resolver))));
  const footer = [embed.footer?.text, embed.timestamp ? stamp(new Date(embed.timestamp)) : null].filter(Boolean).join(" • ");
  return el("article", { class: "embed", style: colour ? { "--accent": colour } : {} },
    el("div", { class: "embed-body" },
      embed.author ? linked(embed.author.url, embed.author.name, "embed-author") : null,
      embed.title ? linked(embed.url, markdown(embed.title, resolver), "embed-title") : null,
      embed.description ? el("div", { class: "embed-description markdown" }, markdown(embed.description, resolver)) : null,
      fields.length ? el("div", { class: "embed-fields" }, fields) : null,
      image ? mediaNode(image, cache) : null,
      video ? mediaNode(video, cache) : null,
      footer ? el("div", { class: "embed-footer", text: footer }) : null),
    thumbnail ? el("div", { class: "thumbnail" }, mediaNode(thumbnail, cache)) : null);
}
