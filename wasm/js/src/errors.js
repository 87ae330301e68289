// The one class of errors, and every code with its number. Numbers are append-only.

/** Codes of misuse and of documents that cannot be used. A refused token is never an error. */
export const ERROR_NUMBERS = Object.freeze({
  options_invalid: 1,
  policy_faulty: 2,
  policy_unknown: 3,
  request_invalid: 4,
  answers_needed: 5,
  authority_unknown: 6,
  trust_refused: 7,
  revocations_faulty: 8,
  module_unavailable: 9,
  engine_failed: 10,
  body_unavailable: 11,
})

export class CountersignError extends Error {
  /**
   * @param {keyof typeof ERROR_NUMBERS} code
   * @param {string} message
   * @param {{ faults?: readonly object[], cause?: unknown }} [more]
   */
  constructor(code, message, { faults = [], cause } = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'CountersignError'
    this.code = code
    this.number = ERROR_NUMBERS[code]
    this.faults = Object.freeze([...faults])
  }
}
