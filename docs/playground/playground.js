// The page: an engine for each explanation, so that a proof can be judged again and again.

import { Countersign, CountersignError } from 'countersign'

// At once, so that the page asks for nothing later.
const module = fetch(new URL('countersign.wasm', document.baseURI)).then(async (response) => WebAssembly.compile(await response.arrayBuffer()))

const field = (id) => document.getElementById(id)
const WORDS = { passed: 'passed', failed: 'failed', cached: 'passed before', not_needed: 'not needed', not_reached: 'not reached' }

/** DER of a certificate in PEM; null for none. */
function der(pem) {
  const text = pem.replace(/-----[^-]+-----/g, '').replace(/\s+/g, '')
  if (text === '') return null
  try {
    return Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
  } catch {
    throw new Error('The certificate is no PEM.')
  }
}

function headers() {
  const [token, proof] = [field('token').value.trim(), field('proof').value.trim()]
  const fields = []
  if (token !== '') fields.push(['authorization', /\s/.test(token) ? token : `${proof === '' ? 'Bearer' : 'DPoP'} ${token}`])
  if (proof !== '') fields.push(['dpop', proof])
  return fields
}

async function explain() {
  const policy = field('policy').value
  const now = field('now').value === '' ? Math.floor(Date.now() / 1000) : Number(field('now').value)
  const warnings = []
  const engine = await Countersign.create(policy, {
    module,
    now: () => now,
    proofsBeforeStart: 'accept',
    onWarning: (line) => warnings.push(line),
    // What cannot be asked from here has no answer.
    store: { useOnce: () => undefined },
    introspect: () => null,
  })
  const bundle = field('bundle').value.trim()
  if (bundle !== '') {
    const source = engine.trustSources.find(({ document }) => document !== 'inline')
    if (source === undefined) throw new Error('Every trust source of the policy has keys of its own: leave the field for keys empty.')
    engine.updateTrust(source.issuer === undefined ? { trustDomain: source.trustDomain } : { issuer: source.issuer }, bundle)
  }
  const name = field('name').value.trim()
  const request = { method: field('method').value, uri: field('uri').value, headers: headers(), clientCertificate: der(field('certificate').value) }
  return { ...engine.explain(request, name === '' ? {} : { policy: name }), warnings }
}

function show({ decision, checks, warnings }) {
  const outcome = field('outcome')
  outcome.className = decision.decision
  const subject = decision.identity?.subject
  outcome.textContent =
    decision.decision === 'accept'
      ? `Accepted${subject === undefined ? '' : `: ${subject}`}`
      : `Refused with ${decision.status}: ${decision.reason} (${decision.number})${decision.passes ? ', and let pass, since the policy is in shadow mode' : ''}`
  field('headers').textContent = decision.headers.map(([name, value]) => `${name}: ${value}`).join('\n') || 'none'
  field('identity').textContent = decision.identity === null ? 'none' : JSON.stringify({ ...decision.identity, attributes: decision.attributes }, null, 2)
  field('audit').textContent = [decision.audit, ...warnings.map((line) => `warning: ${line}`)].join('\n')
  field('checks').replaceChildren(
    ...checks.map(({ check, result, rule }) => {
      const row = document.createElement('tr')
      const head = Object.assign(document.createElement('th'), { scope: 'row', textContent: check })
      const cell = Object.assign(document.createElement('td'), { className: result, textContent: WORDS[result] })
      row.append(head, cell, Object.assign(document.createElement('td'), { textContent: rule }))
      return row
    }),
  )
  field('details').hidden = false
}

function fault(error) {
  const outcome = field('outcome')
  outcome.className = 'error'
  const lines = error instanceof CountersignError && error.faults.length > 0 ? error.faults.map(({ message }) => message) : [error.message]
  outcome.textContent = lines.join('; ')
  field('details').hidden = true
}

async function judge(event) {
  event?.preventDefault()
  try {
    show(await explain())
  } catch (error) {
    fault(error)
  }
}

field('form').addEventListener('submit', judge)
field('form').addEventListener('reset', () => {
  field('outcome').className = ''
  field('outcome').textContent = 'Nothing is judged yet.'
  field('details').hidden = true
})
document.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) field('form').requestSubmit()
})
field('policy').value ||= `{
  "trust": [{ "issuer": "https://as.example" }],
  "policies": {
    "default": { "accept": ["at+jwt"], "audience": ["https://api.example"] }
  }
}`
