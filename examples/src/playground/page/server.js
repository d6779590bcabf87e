// Requests to the server, and the responses in their envelopes.

/** Sends a request; gives the answer and what the server did for it. */
export async function send(method, path, body) {
  const headers = { "playground-envelope": "1" };
  const options = { method, headers, cache: "no-store" };
  if (body !== undefined) {
    headers["content-type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  try {
    const response = await fetch(path, options);
    return await response.json();
  } catch {
    return unreachable(method, path);
  }
}

/** Lets a simulated client send a request; returns its response and the number of the client. */
export async function simulate(path, body) {
  const outer = await send("POST", path, body);
  const { client = null, answer = outer } = outer.body ?? {};
  return { client, answer };
}

/** An answer's first line. */
export const statusLine = ({ status, reason }) => status > 0 ? `${status} ${reason}` : reason;

/** What the browser's requests to the routes of authentication carry; `null` if the server does not say. */
export async function held(base) {
  const { body } = await send("GET", `${base}/auth/lab/held`);
  return body?.cookies ? { ...body, read_at: performance.now() } : null;
}

function unreachable(method, path) {
  return {
    request: `${method} ${path}`, status: 0, reason: "no answer", headers: {}, set_cookies: [], body: "",
    reads: 0, writes: 0, calls: [], micros: 0, log: [],
  };
}
