// The page's client of the server: every call of the control interface, uploads with progress,
// and the event stream with its own reconnection. Knows paths and bodies, no nodes and no state.

export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function call(method, path, body) {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(30000),
    });
  } catch (error) {
    throw new ApiError(error.name === "TimeoutError" ? "The sandbox took too long to answer." : "The sandbox cannot be reached.", 0);
  }
  const text = await response.text();
  let data = {};
  try {
    data = text ? JSON.parse(text) : {};
  } catch {
    throw new ApiError(`The sandbox answered ${response.status} with something that is not JSON.`, response.status);
  }
  if (!response.ok) throw new ApiError(data.error ?? `The sandbox answered ${response.status}.`, response.status);
  return data;
}

const as = (user, what) => `/control/users/${encodeURIComponent(user)}/${what}`;

export const api = {
  state: (user) => call("GET", `/control/state${user ? `?user=${encodeURIComponent(user)}` : ""}`),
  messages: (channel, user, before) =>
    call("GET", `/control/channels/${channel}/messages?user=${user}&limit=50${before ? `&before=${before}` : ""}`),
  send: (user, message) => call("POST", as(user, "messages"), message),
  command: (user, command) => call("POST", as(user, "commands"), command),
  autocomplete: (user, command) => call("POST", as(user, "autocomplete"), command),
  context: (user, command) => call("POST", as(user, "context"), command),
  component: (user, press) => call("POST", as(user, "components"), press),
  modal: (user, answer) => call("POST", as(user, "modals"), answer),
  remove: (user, message) => call("DELETE", as(user, `messages/${message}`)),
  interaction: (id) => call("GET", `/control/interactions/${id}`),
  providers: () => call("GET", "/control/providers"),
  setProvider: (name, settings) => call("PUT", `/control/providers/${name}`, settings),
  addFault: (name, fault) => call("POST", `/control/providers/${name}/faults`, fault),
  clearFaults: (name) => call("DELETE", `/control/providers/${name}/faults`),
  steerTask: (name, id, what) => call("POST", `/control/providers/${name}/tasks/${encodeURIComponent(id)}`, what),
};

/** Uploads one file; `onProgress` gets a share between 0 and 1. */
export function upload(file, onProgress = () => {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append("file", file, file.name);
    request.open("POST", "/control/uploads");
    request.responseType = "json";
    request.timeout = 120000;
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    });
    request.addEventListener("load", () => {
      if (request.status < 300 && request.response?.id) resolve(request.response);
      else reject(new ApiError(request.response?.error ?? `The upload was answered with ${request.status}.`, request.status));
    });
    for (const type of ["error", "timeout", "abort"]) {
      request.addEventListener(type, () => reject(new ApiError("The upload did not get through.", 0)));
    }
    request.send(form);
  });
}

/**
 * The event stream of one person. A broken stream is opened again after 1, 2, 4 … 10 seconds;
 * `onState` hears "open" and "lost". Returns how to close it.
 */
export function listen(user, onEvent, onState) {
  let source = null;
  let timer = null;
  let wait = 1000;
  const open = () => {
    source = new EventSource(`/control/events?user=${encodeURIComponent(user)}`);
    source.addEventListener("open", () => {
      wait = 1000;
      onState("open");
    });
    source.addEventListener("message", (event) => onEvent(JSON.parse(event.data)));
    source.addEventListener("error", () => {
      source.close();
      onState("lost");
      clearTimeout(timer);
      timer = setTimeout(open, wait);
      wait = Math.min(wait * 2, 10000);
    });
  };
  open();
  return () => {
    clearTimeout(timer);
    source.close();
  };
}
