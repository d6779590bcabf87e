// The texts of the page.

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
    about: "A random token, and a session in the store. Every request reads the store, so a logout takes"
      + " effect at once.",
    opaque: "Random. It means nothing without the store, which keeps only a digest of its secret.",
    groups: [browser(), devices(), attacks()],
  },
  {
    name: "tokens",
    title: "Tokens",
    about: "A signed token that identifies you. No request reads a store, and nothing ends a token before it"
      + " expires.",
    opaque: "Not a token of this application.",
    groups: [browser(), devices(), attacks()],
  },
  {
    name: "hybrid",
    title: "Hybrid",
    about: "A short-lived token for requests, and a refresh token whose session is in the store. Only"
      + " refreshes use the store.",
    opaque: "Random. It can be exchanged once for its successor and a new access token.",
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

/** Returns the explanation of a response: a headline and a reason. */
export function explain(strategy, action, answer, panel) {
  const { status } = answer;
  const done = status >= 200 && status < 300;
  const said = done ? successes[action] : status === 401 ? refusals[action] : failures[status];
  return (said ?? otherwise(status))(strategy, answer, panel);
}

function otherwise(status) {
  if (status >= 500) {
    return () => note("The server failed", "The error is in the server. Its log may say more.");
  }
  if (status >= 400) return (_, answer) => refused("The server did not do that", reason(answer));
  return (_, answer) => note(`${answer.status} ${answer.reason}`, "There is no further explanation.");
}

const reason = ({ body }) => body?.error ? `It says: ${body.error}.` : "It gives no reason.";

const failures = {
  0: () => note("The server did not answer", "It may have been stopped."),
  400: () => refused(
    "The server could not read that",
    "The request is not what this route expects, so nothing was done.",
  ),
  403: () => refused(
    "Refused as sent by another site",
    "The browser reported that a page of another site sent this request.",
  ),
  404: () => note(
    "Not found",
    "It has ended or is no longer known. List the devices or open a new one.",
  ),
  413: () => refused("Too large", "The server limits the size of requests, so it did not read this one."),
  429: (_, answer) => refused(
    "Slowed down",
    `Too many wrong passwords. Try again in ${answer.headers["retry-after"]} s. Nobody is locked out.`,
  ),
  501: () => note(
    "Tokens alone cannot do that",
    "The server keeps no record of the tokens that it issues. Each is valid until it expires.",
  ),
  503: () => note("The store is unavailable", "Nobody was logged out. The server asks to try again later."),
};

const successes = {
  login: (strategy) => good("Logged in", {
    sessions: "The server wrote a session to the store and gave the browser a random token. An earlier"
      + " session of this browser has ended. Most of the time was spent on hashing the password.",
    tokens: "The server signed a token and stored nothing. Most of the time was spent on hashing"
      + " the password.",
    hybrid: "The server wrote a session and set two cookies: an access token for 60 seconds, and a refresh"
      + " token for the authentication routes. Most of the time was spent on hashing the password.",
  }[strategy]),

  me: (strategy, { body }) => good(`You are ${body.subject}, ${body.role}`, checked[strategy]),

  refresh: (_, answer) => answer.writes > 0
    ? good("Fresh tokens", "The refresh token was exchanged for its successor, and the access token is new.")
    : good(
      "A fresh access token",
      "The refresh token is less than 2 seconds old, so it was returned again instead of being replaced.",
    ),

  tabs: () => good(
    "Both tabs stay logged in",
    "One of them rotated the token. The other came within the grace window and got the same successor.",
  ),

  "tabs-early": () => good(
    "Both tabs stay logged in",
    "The refresh token is less than 2 seconds old, so both got it again and nothing was replaced.",
  ),

  logout: (strategy, { body }) => body.effective === "unconfirmed"
    ? note(
      "Logged out here, unconfirmed",
      "The cookies are gone, but the store is unavailable, so the session may still exist.",
    )
    : good("Logged out", loggedOut(strategy, body)),

  second: (strategy) => good("A second device is logged in", {
    sessions: "It has its own session in the store. List the devices to see both.",
    tokens: "It has its own token. The server keeps no record of it.",
    hybrid: "It has its own session, access token and refresh token. List the devices to see both.",
  }[strategy]),

  "second-me": (strategy, { body }) => good(`The second device is ${body.subject}`, checked[strategy]),
  "second-refresh": () => good(
    "The second device has fresh tokens",
    "Each device has its own session, so a refresh of one does not affect another.",
  ),

  list: (strategy, { body }) => good(
    body.length === 1 ? "One device" : `${body.length} devices`,
    strategy === "hybrid"
      ? "Their sessions are in the store. This browser's session was read too, since a token may outlive it."
      : "Their sessions are in the store. Revoke one, then call the API from it.",
  ),

  revoke: (strategy) => good("The device is logged out", later(strategy)),
  others: (strategy, { body }) => body.ended_sessions.length === 0
    ? note("There were no others", "Open a second device first.")
    : good(`Ended: ${body.ended_sessions.length}. This browser stays logged in`, later(strategy)),
  everywhere: (strategy, { body }) => good(
    `Logged out everywhere. Sessions ended: ${body.ended_sessions.length}`,
    later(strategy),
  ),

  tamper: () => note("The forgery was accepted", "That must not happen. Please report it."),
  copy: (strategy) => refused("The thief got in", {
    sessions: "A stolen token works as long as its session. Log out, and try the copy again.",
    tokens: "A stolen token works until it expires, and nothing can end it earlier. Log out, and try the"
      + " copy again.",
    hybrid: "A stolen access token works until it expires, even after a logout: for 60 seconds here, for 15"
      + " minutes by default.",
  }[strategy]),
  replay: () => note("The old token was accepted", "It came within the grace window. Try again."),
};

const checked = {
  sessions: "The server read the session from the store, as for every request.",
  tokens: "The server checked the signature and the expiry. It used no store.",
  hybrid: "The server checked the signature and the expiry of the access token. It used no store, and the"
    + " browser did not send the refresh token.",
};

const refusals = {
  login: () => refused(
    "Not logged in",
    "Wrong address or password. The response does not say which, and takes the same time in both cases.",
  ),

  me: (strategy, answer, panel) => notLoggedIn(strategy, answer, panel),
  list: (strategy, answer, panel) => notLoggedIn(strategy, answer, panel),
  revoke: (strategy, answer, panel) => notLoggedIn(strategy, answer, panel),
  others: (strategy, answer, panel) => notLoggedIn(strategy, answer, panel),
  everywhere: (strategy, answer, panel) => notLoggedIn(strategy, answer, panel),

  refresh: (_, __, panel) => panel.held?.cookies.length
    ? refused("No fresh tokens", "The session has ended or never existed. Log in again.")
    : refused("Not logged in", "The request carried no refresh token. Log in first."),
  tabs: (...about) => refusals.refresh(...about),
  "tabs-early": (...about) => refusals.refresh(...about),

  second: () => refused("The second device is not logged in", "Wrong address or password."),
  "second-me": (strategy) => ({
    sessions: refused(
      "The second device is logged out",
      "Its session is no longer in the store, which takes effect from the next request on.",
    ),
    tokens: refused("The second device is logged out", "Its token has expired."),
    hybrid: refused(
      "The second device's access token has expired",
      "It gets a new one with a refresh, unless its session has ended.",
    ),
  }[strategy]),
  "second-refresh": () => refused(
    "The second device gets no fresh tokens",
    "Its session has ended. It can call the API only until its access token expires.",
  ),

  tamper: (strategy) => refused("The forgery was refused", strategy === "sessions"
    ? "The last character of the token was changed. Its session was found, but the secret does not match the"
      + " stored digest."
    : "The role in the token was changed to owner. The signature no longer matches, so the server ignored the"
      + " contents and used no store."),
  copy: (strategy) => refused("The thief stays out", strategy === "sessions"
    ? "The session of the copied token has ended, and every request reads the store."
    : "The copied token has expired. It worked until then."),
  replay: () => refused(
    "The theft was noticed",
    "The old refresh token has already been replaced, so two parties hold tokens of this session. The server"
      + " ended the session for both and logged an incident. An access token still works until it expires.",
  ),
};

function notLoggedIn(strategy, answer, panel) {
  if (!panel.held?.cookies.length) {
    return refused(
      "Nobody is logged in here",
      "The request carried no credential, so the handler did not run.",
    );
  }
  if (strategy === "sessions") {
    return refused("Logged out", "The session has ended and is no longer in the store.");
  }
  if (answer.reads > 0) {
    return refused(
      "Logged out",
      "The token is still valid, but its session has ended. Routes for sessions check the store.",
    );
  }
  const next = strategy === "hybrid" ? "Refresh, or log in again." : "Log in again.";
  return refused(
    "The token is no longer valid",
    `It has expired, or an earlier run of this server signed it. ${next}`,
  );
}

function loggedOut(strategy, body) {
  if (body.ended_sessions.length === 0 && body.effective === "now") {
    return "There was no session to end. The browser's cookies were cleared anyway.";
  }
  return {
    sessions: "The session is gone from the store and the cookie from the browser. A copy no longer works.",
    tokens: "The cookie is gone from the browser. A copy of the token stays valid until it expires, and the"
      + " response says when.",
    hybrid: "The session and both cookies are gone. A copy of the access token stays valid until it expires,"
      + " and the response says when.",
  }[strategy];
}

function later(strategy) {
  return strategy === "hybrid"
    ? "The session is gone from the store. Its access tokens stay valid until they expire, at most 60 s."
    : "The session is gone from the store, which takes effect from the next request on.";
}
