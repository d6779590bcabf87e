// The actions of the buttons: the requests and the explanation of their outcome.

import { held, send, simulate, statusLine } from "./server.js";
import { explain } from "./words.js";

/** A little longer than the grace window of the server, in milliseconds. */
const AFTER_GRACE = 2200;

const pause = (time) => new Promise((done) => setTimeout(done, time));

const account = () => ({
  email: document.querySelector("#email").value,
  password: document.querySelector("#password").value,
});

/** What a panel shows of one answer. */
const outcome = (panel, action, answer, more = {}) => ({
  answer,
  ...explain(panel.strategy.name, action, answer, panel),
  ...more,
});

const idle = (headline, why) => ({ headline, why, tone: "note" });

export const actions = {
  login: async (panel) => {
    const { email, password } = account();
    const body = { username: email, password, device: "This browser" };
    const answer = await send("POST", `${panel.base}/auth/login`, body);
    if (answer.status === 200) await steal(panel);
    return outcome(panel, "login", answer);
  },

  me: async (panel) => outcome(panel, "me", await send("GET", `${panel.base}/me`)),

  refresh: async (panel) => {
    const answer = await refresh(panel);
    if (answer.status === 200) await steal(panel);
    return outcome(panel, "refresh", answer);
  },

  tabs: async (panel) => {
    const answers = await Promise.all([refresh(panel), refresh(panel)]);
    const steps = answers.map((answer, i) => `Tab ${i + 1}: ${statusLine(answer)}`);
    const worse = answers.find((answer) => answer.status !== 200) ?? answers[1];
    const rotated = answers.some((answer) => answer.writes > 0);
    return outcome(panel, rotated ? "tabs" : "tabs-early", worse, { steps });
  },

  logout: async (panel) => outcome(panel, "logout", await send("POST", `${panel.base}/auth/logout`)),

  second: async (panel) => {
    const { client, answer } = await simulate(`${panel.base}/auth/lab/devices`, account());
    panel.second = client ?? panel.second;
    return outcome(panel, "second", answer);
  },

  "second-me": (panel) => bySecond(panel, "me"),
  "second-refresh": (panel) => bySecond(panel, "refresh"),

  list: async (panel) => {
    const answer = await send("GET", `${panel.base}/auth/sessions`);
    const devices = answer.status === 200 ? answer.body : undefined;
    return outcome(panel, "list", answer, { devices });
  },

  others: async (panel) => {
    const answer = await send("POST", `${panel.base}/auth/logout-others`);
    return outcome(panel, "others", answer, { ended: answer.body?.ended_sessions });
  },

  everywhere: async (panel) => {
    const answer = await send("POST", `${panel.base}/auth/logout-everywhere`);
    return outcome(panel, "everywhere", answer, { ended: answer.body?.ended_sessions });
  },

  tamper: async (panel) => {
    if (panel.held?.cookies.length === 0) return nothingHeld();
    const { answer } = await simulate(`${panel.base}/auth/lab/tamper`);
    return outcome(panel, "tamper", answer);
  },

  copy: async (panel) => {
    const copied = panel.copy === null ? await steal(panel) : null;
    if (panel.copy === null) return notCopied(panel, "copy", copied);
    const { answer } = await simulate(`${panel.base}/auth/lab/clients/${panel.copy}/me`);
    return outcome(panel, "copy", answer);
  },

  replay: async (panel) => {
    const { client: stolen, answer: copied } = await copyOf(panel);
    if (stolen === null) return notCopied(panel, "replay", copied);
    const now = await held(panel.base);
    if (now?.cookies.every((cookie) => cookie.generation === null)) return nothingHeld();
    const steps = ["The thief copies the cookies."];
    // A new token is returned again instead of being replaced.
    await pause(AFTER_GRACE);
    const first = await refresh(panel);
    steps.push(`This browser refreshes: ${statusLine(first)}.`);
    if (first.status !== 200) return outcome(panel, "refresh", first, { steps });
    await pause(AFTER_GRACE);
    const { answer } = await simulate(`${panel.base}/auth/lab/clients/${stolen}/refresh`);
    steps.push(`2 seconds later the thief shows the old token: ${statusLine(answer)}.`);
    const last = await refresh(panel);
    steps.push(`This browser refreshes once more: ${statusLine(last)}.`);
    return outcome(panel, "replay", answer, { steps, devices: answer.status === 401 ? [] : undefined });
  },
};

/** Logs one of the listed devices out. */
export async function revoke(panel, session) {
  const answer = await send("DELETE", `${panel.base}/auth/sessions/${session}`);
  return outcome(panel, "revoke", answer, { ended: answer.body?.ended_sessions });
}

const refresh = (panel) => send("POST", `${panel.base}/auth/refresh`);

/** Lets the simulated thief copy what this browser holds now, and gives the answer to that. */
async function steal(panel) {
  const { client, answer } = await copyOf(panel);
  panel.copy = client ?? panel.copy;
  return answer;
}

const copyOf = (panel) => simulate(`${panel.base}/auth/lab/copies`);

/** There was nothing to copy, or nobody knows whether there was. */
const notCopied = (panel, action, answer) =>
  answer.status === 200 ? nothingHeld() : outcome(panel, action, answer);

async function bySecond(panel, what) {
  if (panel.second === null) return idle("There is no second device yet", "Open one first.");
  const { answer } = await simulate(`${panel.base}/auth/lab/clients/${panel.second}/${what}`);
  return outcome(panel, `second-${what}`, answer);
}

const nothingHeld = () => idle("This browser holds nothing to try that with", "Log in first.");
