// The options that every guard has.

import { CountersignError } from './errors.js'

/** Options of a guard, checked when it is made: a misspelt one must not be found out by a client. */
export function guardOptions(engine, options = {}, names = []) {
  const known = ['policy', 'clientCertificate', 'onDecision', ...names]
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw new CountersignError('options_invalid', `there is no option ${name}; there are: ${known.join(', ')}`)
  }
  const { policies } = engine
  const name = options.policy ?? (policies.length === 1 ? policies[0].name : 'default')
  const policy = policies.find((known) => known.name === name)
  if (policy === undefined) {
    throw new CountersignError('policy_unknown', `no policy is called ${name}; there are: ${policies.map((known) => known.name).join(', ')}`)
  }
  return { policy, clientCertificate: options.clientCertificate, onDecision: options.onDecision }
}
