/**
 * The browser's side of pfp: uploads a profile picture and follows it until it is the user's picture.
 * One module without dependencies, made of a few files that are served as one.
 *
 *     import { Client } from "https://pictures.example/client.js";
 *
 *     const pfp = new Client({ token });
 *     const upload = await pfp.upload(file, {
 *       crop: { x: 0, y: 0, width: 800, height: 800 }, // pixels of the upright photo
 *       onProgress: ({ sent, total }) => (bar.value = sent / total),
 *       onStatus: ({ status }) => (label.textContent = status),
 *     });
 *     avatar.src = upload.picture_url;
 *
 * Whatever goes wrong is a `PfpError` with a `code` and facts; an abort throws the signal's reason.
 */

/**
 * @typedef {"queued" | "processing" | "succeeded" | "rejected" | "failed" | "superseded" | "cancelled"} Status
 *
 * @typedef {object} Problem A problem document (RFC 9457).
 * @property {string} code
 * @property {string} title
 * @property {string} detail
 * @property {number} status
 * @property {string} [request_id]
 * @property {unknown} [limit]
 * @property {unknown} [actual]
 * @property {unknown} [allowed]
 * @property {string} [detected]
 *
 * @typedef {object} Upload
 * @property {string} id
 * @property {Status} status
 * @property {string} created_at
 * @property {string} updated_at
 * @property {string | null} finished_at
 * @property {number} attempts
 * @property {number} size_bytes
 * @property {string} content_type
 * @property {string | null} picture_url
 * @property {Problem | null} failure
 *
 * @typedef {object} User
 * @property {string} id
 * @property {string | null} profile_picture_url
 * @property {string | null} created_at
 * @property {string | null} updated_at
 *
 * @typedef {{ x: number, y: number, width: number, height: number }} Crop Pixels of the upright photo.
 */

/** The system, not the request, is at fault: the same request can go through a moment later. */
const TEMPORARY_STATUSES = [408, 502, 503, 504];
const TEMPORARY_CODES = ["network_error", "idempotency_key_in_use"];

/** Something went wrong: a code for programs, the API's sentence for people, and the facts. */
export class PfpError extends Error {
  /**
   * @param {string} code A code of the API, or `network_error`, `unexpected_answer`.
   * @param {string} detail
   * @param {Partial<Problem> & { retryAfter?: number | null, upload?: Upload | null }} [facts]
   */
  constructor(code, detail, facts = {}) {
    super(detail);
    this.name = "PfpError";
    this.code = code;
    /** The HTTP status; 0 where no answer came. */
    this.status = facts.status ?? 0;
    this.title = facts.title ?? "";
    /** The limit that was passed, and by what. */
    this.limit = facts.limit;
    this.actual = facts.actual;
    /** What would have been taken, and what was found instead. */
    this.allowed = facts.allowed;
    this.detected = facts.detected;
    this.requestId = facts.request_id ?? null;
    /** Seconds after which trying again makes sense, if the API said so. */
    this.retryAfter = facts.retryAfter ?? null;
    /** The upload, if it was accepted and then came to nothing. */
    this.upload = facts.upload ?? null;
  }

  /** Whether the same request may go through later. */
  get temporary() {
    return TEMPORARY_STATUSES.includes(this.status) || TEMPORARY_CODES.includes(this.code);
  }
}

/** @param {unknown} cause */
function networkError(cause) {
  const error = new PfpError("network_error", "The server can't be reached.");
  error.cause = cause;
  return error;
}

/**
 * The error that an answer tells. A proxy may have answered in the API's place, with anything.
 * @param {Answer} answer
 */
function errorOf(answer) {
  const problem = parsed(answer.text);
  const retryAfter = Number.parseInt(answer.header("Retry-After") ?? "", 10);
  const facts = {
    ...problem,
    status: answer.status,
    request_id: problem?.request_id ?? answer.header("X-Request-Id") ?? undefined,
    retryAfter: Number.isFinite(retryAfter) ? retryAfter : null,
  };
  const unexpected = `The server answered with status ${answer.status}.`;
  return new PfpError(problem?.code ?? "unexpected_answer", problem?.detail ?? unexpected, facts);
}

/**
 * What became of an upload that isn't a picture.
 * @param {Upload} upload
 */
function errorOfUpload(upload) {
  const cancelled = { code: "upload_cancelled", status: 409, detail: "The upload was cancelled." };
  const { code, detail, ...facts } = upload.failure ?? { ...cancelled, title: "The upload was cancelled" };
  return new PfpError(code, detail, { ...facts, upload });
}

/**
 * @param {string} text
 * @returns {any} null if it isn't JSON
 */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
