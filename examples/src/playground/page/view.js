// The elements of the page. All text is inserted as text, never as markup.

import { statusLine } from "./server.js";

/** Makes an element: `make("p.why", "text", child)`. */
function make(what, ...children) {
  const [name, ...classes] = what.split(".");
  const element = document.createElement(name);
  if (classes.length > 0) element.className = classes.join(" ");
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** A panel with its texts and buttons. */
export function panel(strategy) {
  const element = document.querySelector("#panel").content.firstElementChild.cloneNode(true);
  element.id = strategy.name;
  const title = make("h2", strategy.title);
  title.id = `${strategy.name}-title`;
  element.setAttribute("aria-labelledby", title.id);
  element.querySelector(".about").append(title, make("p", strategy.about));
  element.querySelector(".groups").append(...strategy.groups.map(group));
  element.querySelector(".result").append(make("p.why", "Nothing yet. Log in to begin."));
  return element;
}

function group({ title, buttons }) {
  const made = make("div.group", make("h3", title), make("div.buttons", ...buttons.map(button)));
  made.setAttribute("role", "group");
  made.ariaLabel = title;
  return made;
}

function button([action, text, kind]) {
  const made = make(kind ? `button.${kind}` : "button", text);
  made.type = "button";
  made.dataset.action = action;
  return made;
}

/** Shows what came of a click; what was shown before moves down. */
export function happened(element, outcome) {
  const result = element.querySelector(".result");
  if (result.dataset.headline) addEarlier(element, result.dataset);
  const badge = outcome.answer ? statusLine(outcome.answer) : "";
  result.dataset.tone = outcome.tone;
  result.dataset.headline = outcome.headline;
  result.dataset.badge = badge;
  const parts = [
    make("p.headline", make("strong", outcome.headline), badge ? make("span.badge", badge) : null),
    make("p.why", outcome.why),
  ];
  if (outcome.steps) parts.push(make("ol.steps", ...outcome.steps.map((step) => make("li", step))));
  result.replaceChildren(...parts);
  const shown = outcome.answer?.status > 0 ? details(outcome.answer) : [];
  element.querySelector(".details").replaceChildren(...shown);
  showDevices(element, outcome);
  // On a phone, the result is below the buttons.
  element.querySelector(".happened").scrollIntoView({ block: "nearest" });
}

function addEarlier(element, { headline, badge, tone }) {
  const section = element.querySelector(".earlier");
  const line = make("li", make("span", headline), badge ? make("span.badge", badge) : null);
  line.dataset.tone = tone;
  section.hidden = false;
  const list = section.querySelector("ol");
  list.prepend(line);
  while (list.children.length > 4) list.lastElementChild.remove();
}

function details(answer) {
  const fact = (value, unit) => make("div", make("dt", unit), make("dd", String(value)));
  const facts = make(
    "dl.facts",
    fact(answer.reads, "store reads"),
    fact(answer.writes, "store writes"),
    fact(time(answer.micros), "time"),
  );
  const lines = answer.log.map((line) => make("p.log", make("span", "Server log: "), make("code", line)));
  return [facts, ...lines, exchange(answer)];
}

function time(micros) {
  return micros < 1000 ? `${micros} µs` : `${(micros / 1000).toFixed(1)} ms`;
}

function exchange(answer) {
  const headers = Object.entries(answer.headers).map(([name, value]) => `${name}: ${value}`);
  const cookies = answer.set_cookies.map((cookie) => `set-cookie: ${cookie}`);
  const body = typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body, null, 2);
  const text = [statusLine(answer), ...headers, ...cookies, "", body].join("\n");
  const calls = answer.calls.length > 0 ? `Store calls: ${answer.calls.join(", ")}` : "No store call";
  return make("details", make("summary", answer.request), make("pre", text), make("p.small", calls));
}

/** Shows a list of devices, or takes those that have ended from it. */
function showDevices(element, { devices, ended }) {
  const section = element.querySelector(".devices");
  const list = section.querySelector("ul");
  if (devices) list.replaceChildren(...devices.map(device));
  for (const id of ended ?? []) {
    const line = [...list.children].find((line) => line.dataset.id === id);
    // Keyboard users continue from here.
    if (line?.contains(document.activeElement)) section.querySelector("h3").focus();
    line?.remove();
  }
  section.hidden = list.children.length === 0;
}

function device(session) {
  const since = new Date(session.created_at * 1000).toLocaleTimeString();
  const device = make("b", session.device ?? "Unnamed");
  const line = make("li", make("span", device, " ", make("span.since", `since ${since}`)));
  line.dataset.id = session.id;
  if (session.current) {
    line.append(make("span.badge", "this one"));
  } else {
    const revoke = make("button", "Revoke");
    revoke.type = "button";
    revoke.dataset.session = session.id;
    revoke.ariaLabel = `Revoke ${session.device ?? "unnamed device"}, since ${since}`;
    line.append(revoke);
  }
  return line;
}

/** Shows what the browser holds, unless that was never known. */
export function held(element, now, strategy) {
  if (now === null) return;
  const { cookies } = now;
  const key = JSON.stringify(cookies);
  // Unchanged elements stay, since one of them may have the focus.
  if (element.dataset.held !== key) {
    element.dataset.held = key;
    showCookies(element, cookies, strategy);
  }
  tick(element, now);
}

/** Tells that what is shown may be out of date, as no script can look for itself. */
export function doubt(element, silent) {
  const known = element.querySelector(".cookies").children.length > 0;
  const line = element.querySelector(".doubt");
  line.hidden = !silent;
  line.textContent = known
    ? "The server does not answer. This is what it said last."
    : "The server does not answer, so what this browser holds is not known.";
}

function showCookies(element, cookies, strategy) {
  const folded = element.querySelector(".jwt:not([open])") !== null;
  const shown = cookies.map((cookie) => oneCookie(cookie, strategy));
  element.querySelector(".cookies").replaceChildren(
    ...(shown.length > 0 ? shown : [make("p.small", "No cookie of this application.")]),
  );
  for (const jwt of element.querySelectorAll(".jwt")) jwt.open = !folded;
  if (cookies.length === 0) element.querySelector(".devices").hidden = true;
}

function oneCookie(cookie, strategy) {
  const readable = document.cookie.split("; ").some((pair) => pair.startsWith(`${cookie.name}=`));
  const chips = [
    readable ? "a script can read it" : "no script can read it",
    `sent to ${cookie.path === "/" ? "every path" : `${cookie.path} only`}`,
    cookie.generation === null ? null : `generation ${cookie.generation}`,
  ];
  const card = make(
    "div.cookie",
    make("p.name", make("code", cookie.name), make("span.small", ` ${cookie.length} characters`)),
    make("p.value", make("code", ...coloured(cookie.value))),
    make("p.chips", ...chips.filter(Boolean).map((chip) => make("span.chip", chip))),
    cookie.jwt ? null : make("p.small", strategy.opaque),
  );
  card.dataset.cookie = cookie.name;
  if (cookie.jwt) card.append(...token(cookie.jwt));
  return card;
}

/** The three parts of a token in three colours. */
function coloured(value) {
  const parts = value.split(".");
  const name = (i) => `span.part${parts.length > 1 ? i : ""}`;
  return parts.flatMap((part, i) => [i > 0 ? "." : null, make(name(i), part)]).filter(Boolean);
}

function token({ header, claims }) {
  const meter = make("progress");
  meter.max = claims.exp - claims.iat;
  meter.ariaLabel = "Time left";
  const left = make("p.countdown", make("span.left"), meter);
  left.dataset.exp = claims.exp;
  const pre = (part, value) => make(`pre.part${part}`, JSON.stringify(value, null, 2));
  const summary = make("summary", "Decoded: anyone who has the token can read this");
  return [left, make("details.jwt", summary, pre(0, header), pre(1, claims))];
}

/** Lets the countdowns go on, by the server's clock. */
export function tick(element, now) {
  for (const countdown of element.querySelectorAll(".countdown")) {
    const server = now.now_ms + performance.now() - now.read_at;
    const left = Math.max(0, Math.ceil((countdown.dataset.exp * 1000 - server) / 1000));
    const text = left > 0 ? `Expires in ${left} s` : "Expired: the server refuses it now";
    countdown.classList.toggle("expired", left === 0);
    countdown.querySelector("progress").value = left;
    const shown = countdown.querySelector(".left");
    if (shown.textContent !== text) shown.textContent = text;
  }
}

/** Takes everything from a panel that a browser kept as it was. */
export function forget(element) {
  for (const part of [".cookies", ".result", ".details", ".devices ul", ".earlier ol"]) {
    element.querySelector(part).replaceChildren();
  }
  element.querySelector(".doubt").hidden = true;
  element.removeAttribute("data-held");
  element.querySelector(".result").removeAttribute("data-headline");
  element.querySelector(".devices").hidden = true;
  element.querySelector(".earlier").hidden = true;
}
