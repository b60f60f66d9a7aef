// What the page shows stands in the fragment of its own address: `#uri=/v1/subs`, or `#hkey0=X-API-KEY&hval0=…&uri=…`, uri last.

export const ROOT = "/v1";
export const MOST_HEADERS = 5;

const decoded = (text) => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

/** The fragment's parts: `{uri, headers: [[name, value]]}`. Everything behind `uri=` is the address, `&` included. */
export const read = (fragment) => {
  const text = fragment.replace(/^#/, "");
  const found = /(?:^|&)uri=(.*)$/s.exec(text);
  const uri = found ? found[1] : "";
  const settings = new Map(
    (found ? text.slice(0, found.index) : text)
      .split("&")
      .filter(Boolean)
      .map((pair) => [pair.split("=")[0], decoded(pair.split("=").slice(1).join("="))]),
  );
  const headers = [];
  for (let index = 0; index < MOST_HEADERS; index += 1) {
    const name = settings.get(`hkey${index}`);
    if (name) headers.push([name, settings.get(`hval${index}`) ?? ""]);
  }
  return { uri: /^(?:%2F|https?%3A)/i.test(uri) ? decoded(uri) : uri, headers };
};

const origins = new Set([location.origin]); // under which names this server is known to be meant

/** Whether this server answers there: the only one that the page may ask. */
export const isOurs = (address) => {
  try {
    return origins.has(new URL(address, location.origin).origin);
  } catch {
    return false;
  }
};

/** An address of this server without its origin, which says nothing here; any other as it is. */
export const shortened = (address) => {
  const url = new URL(address, location.origin);
  return origins.has(url.origin) ? url.pathname + url.search : url.href;
};

/**
 * A document that we asked for says where it is: when only the origin differs, this server has another name too (a public address,
 * a forwarded port), and its links mean us.
 */
export const learn = (asked, self) => {
  const url = new URL(self, location.origin);
  if (/^https?:$/.test(url.protocol) && url.pathname === new URL(asked, location.origin).pathname) origins.add(url.origin);
};

/** The path alone: what `If-Match` and templates are about. */
export const bare = (address) => shortened(address).replace(/[?#{].*$|%7B.*$/s, "").replace(/\/$/, "");

/** Make `uri` the page's address; the browser's history gets an entry, and `hashchange` follows when it is another. */
export const go = (uri) => {
  location.hash = `uri=${uri}`;
};

/** The same without an entry in the history: for taking a key out of the address. */
export const replace = (uri) => {
  history.replaceState(null, "", `#uri=${uri}`);
};
