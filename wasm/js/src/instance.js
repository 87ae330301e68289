// One instance of the WebAssembly module: its memory, and the calls into it.

import { CountersignError } from './errors.js'
import { bytesOf } from './request.js'

export const DONE = 0
export const REFUSED = 1
export const WAITS = 2

const ENCODER = new TextEncoder()
const DECODER = new TextDecoder()

// The places of a request in `numbers`.
const FIRST_LENGTH = 9
// The places of the result of a call.
const OUTPUT = 7
const OUTPUT_LENGTH = 8
const RESULT_COUNT = 9

const FIRST_INPUT = 32 * 1024
const FIRST_NUMBERS = 256

export class Instance {
  #exports
  #buffer
  #input
  #numbers
  #bytes
  /** The algorithms by the module's numbers. */
  #names
  #failed = false

  static async create(module, native) {
    const names = []
    let memory
    const imports = {
      host: {
        verify(algorithm, keyAt, keyLength, messageAt, messageLength, signatureAt, signatureLength) {
          const bytes = (at, length) => new Uint8Array(memory.buffer, at >>> 0, length >>> 0)
          const holds = native?.check(names[algorithm], bytes(keyAt, keyLength), bytes(messageAt, messageLength), bytes(signatureAt, signatureLength))
          return holds === true ? 1 : 0
        },
      },
    }
    const { exports } = await WebAssembly.instantiate(module, imports)
    memory = exports.memory
    return new Instance(exports, names)
  }

  constructor(exports, names) {
    this.#exports = exports
    this.#names = names
    this.#reserve(FIRST_INPUT, FIRST_NUMBERS)
  }

  #reserve(bytes, numbers) {
    this.#call(() => this.#exports.reserve(bytes, numbers))
    this.#look()
  }

  /** Views are good until the memory grows. */
  #look() {
    const { memory, input_at, input_length, numbers_at, numbers_length } = this.#exports
    this.#buffer = memory.buffer
    this.#bytes = new Uint8Array(this.#buffer)
    this.#input = new Uint8Array(this.#buffer, input_at() >>> 0, input_length() >>> 0)
    this.#numbers = new Uint32Array(this.#buffer, numbers_at() >>> 0, numbers_length() >>> 0)
  }

  #current() {
    if (this.#exports.memory.buffer !== this.#buffer) this.#look()
  }

  #room(bytes, numbers) {
    this.#current()
    if (this.#input.length < bytes || this.#numbers.length < numbers) this.#reserve(bytes, numbers)
  }

  #call(body) {
    if (this.#failed) throw new CountersignError('engine_failed', 'the engine failed before, and decides nothing more: make another one')
    try {
      return body()
    } catch (cause) {
      this.#failed = true
      throw new CountersignError('engine_failed', 'the engine failed, and decides nothing more: make another one', { cause })
    }
  }

  #misused(ended) {
    if (ended !== DONE && ended !== REFUSED && ended !== WAITS) {
      this.#failed = true
      throw new CountersignError('engine_failed', 'the engine did not understand a call: make another one')
    }
    return ended
  }

  /** The algorithms of `native` as the module numbers them, a bit each. */
  takeAlgorithms(native, numbers) {
    for (const [name, number] of Object.entries(numbers)) this.#names[number] = name
    return (native?.algorithms ?? []).reduce((bits, name) => bits | (1 << numbers[name]), 0)
  }

  /** Writes bytes from the beginning of the input on, and makes room for the request behind them. */
  writeBytes(...parts) {
    const length = parts.reduce((sum, part) => sum + part.length, 0)
    this.#room(length, FIRST_NUMBERS)
    let at = 0
    for (const part of parts) {
      this.#input.set(part, at)
      at += part.length
    }
    return length
  }

  writeMoment(now) {
    this.#current()
    this.#numbers[0] = now >>> 0
    this.#numbers[1] = Math.floor(now / 2 ** 32)
  }

  writeNumber(place, number) {
    this.#numbers[place] = number
  }

  /** Writes a request behind `from` bytes of the input. */
  writeRequest(asked, from = 0) {
    const { fields, certificate, usedProof } = asked
    const { length } = fields
    let text = asked.method + asked.uri
    for (let i = 0; i < length; i++) text += fields[i]
    const certificateLength = certificate === null ? 0 : certificate.bytes.length
    const behind = certificateLength + (usedProof === null ? 0 : 32)
    this.#room(from + text.length + behind, FIRST_LENGTH + length)
    const numbers = this.#numbers
    numbers[0] = asked.policy
    numbers[1] = asked.now >>> 0
    numbers[2] = Math.floor(asked.now / 2 ** 32)
    numbers[3] = asked.method.length
    numbers[4] = asked.uri.length
    numbers[5] = length >>> 1
    numbers[6] = certificate === null ? 0 : certificate.form
    numbers[7] = certificateLength
    numbers[8] = usedProof === null ? 0 : 32
    for (let i = 0; i < length; i++) numbers[FIRST_LENGTH + i] = fields[i].length
    const target = from === 0 ? this.#input : this.#input.subarray(from)
    const { read, written } = ENCODER.encodeInto(text, target)
    // As many bytes as characters: all of it is ASCII.
    let at = from + text.length
    if (written !== text.length || read !== text.length) at = this.#writeParts(asked, from, behind)
    if (certificate !== null) {
      this.#input.set(certificate.bytes, at)
      at += certificateLength
    }
    if (usedProof !== null) this.#input.set(usedProof, at)
  }

  #writeParts({ method, uri, fields }, from, behind) {
    const parts = [method, uri, ...fields].map(bytesOf)
    const length = parts.reduce((sum, part) => sum + part.length, 0)
    this.#room(from + length + behind, FIRST_LENGTH + fields.length)
    let at = from
    parts.forEach((part, place) => {
      this.#input.set(part, at)
      at += part.length
      this.#numbers[place < 2 ? 3 + place : FIRST_LENGTH + place - 2] = part.length
    })
    return at
  }

  decide(withAudit) {
    if (this.#failed) this.#call(() => undefined)
    let ended
    try {
      ended = this.#exports.decide(withAudit ? 1 : 0)
    } catch (cause) {
      this.#call(() => {
        throw cause
      })
    }
    this.#misused(ended)
    this.#current()
  }

  /** Calls a function of the module by its name. */
  run(name, ...parameters) {
    const ended = this.#misused(this.#call(() => this.#exports[name](...parameters)))
    this.#current()
    return ended
  }

  /** The same for a function that answers yes or no. */
  asks(name, ...parameters) {
    const answer = this.#call(() => this.#exports[name](...parameters))
    this.#current()
    return answer !== 0
  }

  /** The numbers of a decision or a question. */
  get numbers() {
    return this.#numbers
  }

  /** All bytes of the memory. */
  get bytes() {
    return this.#bytes
  }

  get outputAt() {
    return this.#numbers[OUTPUT]
  }

  /** The output from `from` on, as text. */
  text(from = 0) {
    const at = this.#numbers[OUTPUT]
    return DECODER.decode(this.#bytes.subarray(at + from, at + this.#numbers[OUTPUT_LENGTH]))
  }
}

export { RESULT_COUNT }
