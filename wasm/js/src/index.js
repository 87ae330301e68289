export { Countersign } from './engine.js'
export { CountersignError, ERROR_NUMBERS } from './errors.js'
