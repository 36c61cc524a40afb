/** The ids of what is under way, where a reload doesn't lose them. */
class Unfinished {
  /** @type {Storage | null} */
  #store;
  #name;
  /** @type {string[]} What the store has, or would have. */
  #ids = [];

  /**
   * @param {Storage | null} store
   * @param {string} base
   */
  constructor(store, base) {
    this.#store = store;
    this.#name = `pfp.unfinished ${base}`;
  }

  /** @returns {string[]} */
  get ids() {
    this.#trying((store) => {
      const ids = parsed(store.getItem(this.#name) ?? "[]");
      this.#ids = Array.isArray(ids) ? ids : [];
    });
    return [...this.#ids];
  }

  /** @param {string} id */
  add(id) {
    this.#keep([...this.ids.filter((other) => other !== id), id]);
  }

  /** @param {string} id */
  remove(id) {
    this.#keep(this.ids.filter((other) => other !== id));
  }

  clear() {
    this.#keep([]);
  }

  /** @param {string[]} ids */
  #keep(ids) {
    this.#ids = ids;
    this.#trying((store) => {
      if (ids.length) store.setItem(this.#name, JSON.stringify(ids));
      else store.removeItem(this.#name);
    });
  }

  /**
   * A store may be full or forbidden. What was accepted stays accepted: it is then known until a reload.
   * @param {(store: Storage) => void} use
   */
  #trying(use) {
    try {
      if (this.#store) use(this.#store);
    } catch {
      this.#store = null;
    }
  }
}

/** There is none in a worker, and a browser may forbid it. */
function sessionStore() {
  try {
    return globalThis.sessionStorage ?? null;
  } catch {
    return null;
  }
}
