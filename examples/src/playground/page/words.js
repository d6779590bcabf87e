// What the page says.

const browser = (...more) => ({
  title: "This browser",
  buttons: [["login", "Log in", "main"], ["me", "Call the API"], ...more, ["logout", "Log out"]],
});

const devices = (...more) => ({
  title: "Other devices",
  buttons: [
    ["second", "Open a second device"], ["second-me", "Call the API from it"], ...more,
    ["list", "List devices"], ["others", "Log out others"], ["everywhere", "Log out everywhere"],
  ],
});

const attacks = (...more) => ({
  title: "Attacks",
  buttons: [["tamper", "Tamper with it", "attack"], ["copy", "Use a stolen copy", "attack"], ...more],
});

export const strategies = [
  {
    name: "sessions",
    title: "Sessions",
    about: "A random token, and a session in the store. Every request reads the store, so a logout counts at once.",
    opaque: "Random. It means nothing without the store, which keeps only a digest of its secret.",
    groups: [browser(), devices(), attacks()],
  },
  {
    name: "tokens",
    title: "Tokens",
    about: "A signed token that says who you are. No request reads a store, and nothing ends a token before it expires.",
    opaque: "Not a token of this application.",
    groups: [browser(), devices(), attacks()],
  },
  {
    name: "hybrid",
    title: "Hybrid",
    about: "A short-lived token for requests, and a refresh token whose session is in the store. The store is asked at refreshes only.",
    opaque: "Random. It can be exchanged once for its successor and a fresh access token.",
    groups: [
      browser(["refresh", "Refresh"], ["tabs", "Refresh in two tabs"]),
      devices(["second-refresh", "Refresh on it"]),
      attacks(["replay", "Replay an old refresh token", "attack"]),
    ],
  },
];

const good = (headline, why) => ({ headline, why, tone: "good" });
const refused = (headline, why) => ({ headline, why, tone: "refused" });
const note = (headline, why) => ({ headline, why, tone: "note" });

/** What an answer means, in a headline and a few words. */
export function explain(strategy, action, answer, panel) {
  const { status } = answer;
  const done = status >= 200 && status < 300;
  const said = done ? successes[action] : status === 401 ? refusals[action] : failures[status];
  return (said ?? otherwise(status))(strategy, answer, panel);
}

function otherwise(status) {
  if (status >= 500) return () => note("The server failed", "The fault is in the server. Its log may say more.");
  if (status >= 400) return (_, answer) => refused("The server did not do that", reason(answer));
  return (_, answer) => note(`${answer.status} ${answer.reason}`, "Nothing more is known about it.");
}

const reason = ({ body }) => body?.error ? `It says: ${body.error}.` : "It does not say why.";

const failures = {
  0: () => note("The server did not answer", "It may have been stopped."),
  400: () => refused("The server could not read that", "It was not what this route expects, so nothing was done."),
  403: () => refused("Refused as sent by another site", "The browser said that another site's page sent this."),
  404: () => note("There is no such thing", "It has ended or was forgotten. List the devices or open a new one."),
  413: () => refused("Too large", "The server reads no more than it must, so it did not look at it and nothing was done."),
  429: (_, answer) => refused(
    "Slowed down",
    `Too many wrong passwords. Try again in ${answer.headers["retry-after"]} s. Nobody is locked out.`,
  ),
  501: () => note(
    "Tokens alone cannot do that",
    "The server keeps no list of whom it gave tokens to. Each is good until it expires.",
  ),
  503: () => note("The store is out", "Nobody was logged out. The server asks to try again later."),
};

const successes = {
  login: (strategy) => good("Logged in", {
    sessions: "The server wrote a session into the store and gave the browser a random token. A session that this browser had before has ended. The time is that of hashing the password.",
    tokens: "The server signed a token and wrote nothing down. The time is that of hashing the password.",
    hybrid: "The server wrote a session and gave two cookies: an access token for 60 seconds, and a refresh token for the routes of authentication. The time is that of hashing the password.",
  }[strategy]),

  me: (strategy, { body }) => good(`You are ${body.subject}, ${body.role}`, checked[strategy]),

  refresh: (_, answer) => answer.writes > 0
    ? good("Fresh tokens", "The refresh token was exchanged for its successor, and the access token is new.")
    : good("A fresh access token", "The refresh token was made less than 2 seconds ago, so it was given again and not replaced."),

  tabs: () => good("Both tabs stay logged in", "One of them rotated the token. The other came within the grace window and got the same successor."),

  "tabs-early": () => good("Both tabs stay logged in", "The refresh token was made less than 2 seconds ago, so both got it again and nothing was replaced."),

  logout: (strategy, { body }) => body.effective === "unconfirmed"
    ? note("Logged out here, unconfirmed", "The cookies are gone, but the store is out, so the session may live on.")
    : good("Logged out", loggedOut(strategy, body)),

  second: (strategy) => good("A second device is logged in", {
    sessions: "It has a session of its own in the store. List the devices to see both.",
    tokens: "It has a token of its own. The server does not remember giving it.",
    hybrid: "It has a session, an access token and a refresh token of its own. List the devices to see both.",
  }[strategy]),

  "second-me": (strategy, { body }) => good(`The second device is ${body.subject}`, checked[strategy]),
  "second-refresh": () => good("The second device has fresh tokens", "Each device has a session of its own, so refreshing one does not touch another."),

  list: (strategy, { body }) => good(
    body.length === 1 ? "One device" : `${body.length} devices`,
    strategy === "hybrid"
      ? "Their sessions are in the store. The own session was read too, since a token may outlive it."
      : "Their sessions are in the store. Revoke one, then call the API from it.",
  ),

  revoke: (strategy) => good("The device is logged out", later(strategy)),
  others: (strategy, { body }) => body.ended_sessions.length === 0
    ? note("There were no others", "Open a second device first.")
    : good(`Ended: ${body.ended_sessions.length}. This browser stays logged in`, later(strategy)),
  everywhere: (strategy, { body }) => good(`Logged out everywhere. Sessions ended: ${body.ended_sessions.length}`, later(strategy)),

  tamper: () => note("The forgery was accepted", "That must not happen. Please report it."),
  copy: (strategy) => refused("The thief got in", {
    sessions: "A stolen token works as long as its session. Log out, and try the copy again.",
    tokens: "A stolen token works until it expires. Log out, and try the copy again: nothing can end it earlier.",
    hybrid: "A stolen access token works until it expires, also after a logout. 60 seconds here, 15 minutes by default.",
  }[strategy]),
  replay: () => note("The old token was accepted", "It came within the grace window. Try once more."),
};

const checked = {
  sessions: "The server read the session from the store. It does so for every request.",
  tokens: "The server checked signature and expiry. It asked no store.",
  hybrid: "The server checked signature and expiry of the access token. It asked no store, and the refresh token was not even sent.",
};

const refusals = {
  login: () => refused("Not logged in", "Wrong address or password. The answer does not say which, and takes the same time for both."),

  me: (strategy, answer, panel) => notLoggedIn(strategy, answer, panel),
  list: (strategy, answer, panel) => notLoggedIn(strategy, answer, panel),
  revoke: (strategy, answer, panel) => notLoggedIn(strategy, answer, panel),
  others: (strategy, answer, panel) => notLoggedIn(strategy, answer, panel),
  everywhere: (strategy, answer, panel) => notLoggedIn(strategy, answer, panel),

  refresh: (_, __, panel) => panel.held?.cookies.length
    ? refused("No fresh tokens", "The session has ended or was never there. Log in again.")
    : refused("Not logged in", "The request carried no refresh token. Log in first."),
  tabs: (...about) => refusals.refresh(...about),
  "tabs-early": (...about) => refusals.refresh(...about),

  second: () => refused("The second device is not logged in", "Wrong address or password."),
  "second-me": (strategy) => ({
    sessions: refused("The second device is logged out", "Its session is no longer in the store, and that counts from the next request on."),
    tokens: refused("The second device is logged out", "Its token has expired."),
    hybrid: refused("The second device's access token has expired", "It gets a fresh one by a refresh, unless its session has ended."),
  }[strategy]),
  "second-refresh": () => refused("The second device gets no fresh tokens", "Its session has ended. At most until its access token expires it can still call the API."),

  tamper: (strategy) => refused("The forgery was refused", strategy === "sessions"
    ? "The last character of the token was changed. Its session was found, but the secret does not match the stored digest."
    : "The role in the token was changed to owner. The signature no longer fits, so nothing in it was looked at, and no store was asked."),
  copy: (strategy) => refused("The thief stays out", strategy === "sessions"
    ? "The session of the copied token has ended, and the store is asked every time."
    : "The copied token has expired. It worked until then."),
  replay: () => refused("The theft was noticed", "The old refresh token was replaced before, so two parties hold this session's tokens. The server ended the session for both and logged an incident. An access token still works until it expires."),
};

function notLoggedIn(strategy, answer, panel) {
  if (!panel.held?.cookies.length) {
    return refused("Nobody is logged in here", "The request carried no credential, so the handler did not run.");
  }
  if (strategy === "sessions") return refused("Logged out", "The session has ended: the store no longer has it.");
  if (answer.reads > 0) return refused("Logged out", "The token is still good, but its session has ended, and what is about sessions asks the store.");
  const next = strategy === "hybrid" ? "Refresh, or log in again." : "Log in again.";
  return refused("The token is no longer good", `It has expired, or an earlier run of this server signed it. ${next}`);
}

function loggedOut(strategy, body) {
  if (body.ended_sessions.length === 0 && body.effective === "now") {
    return "There was no session to end. The browser's cookies are cleared all the same.";
  }
  return {
    sessions: "The session is gone from the store and the cookie from the browser. A copy is worth nothing now.",
    tokens: "The cookie is gone from the browser. A copy of the token stays good until it expires, and the answer says when.",
    hybrid: "The session and both cookies are gone. A copy of the access token stays good until it expires, and the answer says when.",
  }[strategy];
}

function later(strategy) {
  return strategy === "hybrid"
    ? "The session is gone from the store. Access tokens of it stay good until they expire, at most 60 seconds."
    : "The session is gone from the store, and that counts from the next request on.";
}
