// The package in Chromium: built by Vite, and the page that explains decisions.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import http from 'node:http'
import { extname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'

import { BEYOND, vectors } from './lib/corpus.mjs'
import { certificates } from './lib/certificates.mjs'
import { AUDIENCE, client, issuer, policy } from './lib/issuer.mjs'

const packages = join(process.env.COUNTERSIGN_ROOT, 'wasm/js/test/browser/node_modules')
const load = (file) => import(pathToFileURL(join(packages, file)))
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.wasm': 'application/wasm' }

let browser
before(async () => {
  const { chromium } = (await load('playwright-core/index.js')).default
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
})
after(() => browser?.close())

/** A server of the files of a folder, and every path that it was asked for. */
async function files(folder) {
  const asked = []
  const server = http.createServer((request, response) => {
    asked.push(request.url)
    const file = join(folder, request.url === '/' ? 'index.html' : new URL(request.url, 'http://x').pathname)
    if (!existsSync(file)) return response.writeHead(404).end()
    response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' }).end(readFileSync(file))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { asked, url: `http://127.0.0.1:${server.address().port}/`, close: () => (server.closeAllConnections(), server.close()) }
}

test('the corpus, in an application that Vite built', async () => {
  const { build } = await load('vite/dist/node/index.js')
  await build({ root: 'app', logLevel: 'error', base: './', build: { outDir: '../built', emptyOutDir: true, target: 'es2022' }, resolve: { preserveSymlinks: false } })
  const server = await files('built')
  const page = await browser.newPage()
  try {
    await page.goto(server.url)
    await page.waitForFunction(() => globalThis.ready)
    const given = vectors().filter(({ path }) => !BEYOND.includes(path))
    const faults = []
    for (let at = 0; at < given.length; at += 200) {
      const judge = async (some) => {
        const found = []
        for (const one of some) found.push(...(await globalThis.judge(one)))
        return found
      }
      faults.push(...(await page.evaluate(judge, given.slice(at, at + 200))))
    }
    assert.deepEqual(faults, [])
    assert.ok(server.asked.some((path) => path.endsWith('.wasm')))
  } finally {
    await page.close()
    server.close()
  }
})

describe('the page that explains decisions', () => {
  let server
  let as
  before(async () => {
    execFileSync(join(process.env.COUNTERSIGN_ROOT, 'wasm/js/playground'), ['playground'], { stdio: ['ignore', 'ignore', 'inherit'] })
    server = await files('playground')
    as = await issuer()
  })
  after(() => server.close())

  /** A page in which `fields` are filled in, and what it shows after its button was pressed. */
  async function explained(fields, { use = async () => {}, press = (page) => page.click('button[type=submit]'), ...context } = {}) {
    const own = await browser.newContext(context)
    const page = await own.newPage()
    const faults = []
    page.on('pageerror', (error) => faults.push(error.message))
    page.on('console', (message) => message.type() === 'error' && faults.push(message.text()))
    try {
      await page.goto(server.url, { waitUntil: 'networkidle' })
      const asked = server.asked.length
      for (const [id, value] of Object.entries(fields)) await page.fill(`#${id}`, value)
      await press(page)
      await page.waitForFunction(() => document.querySelector('#outcome').className !== '')
      const checks = await page.$$eval('#checks tr', (rows) => Object.fromEntries(rows.map((row) => [row.cells[0].textContent, row.cells[1].textContent])))
      const text = (id) => page.textContent(`#${id}`)
      const shown = { outcome: await text('outcome'), headers: await text('headers'), identity: await text('identity'), checks, isShown: await page.isVisible('#details') }
      await use(page)
      assert.equal(server.asked.length, asked, 'the page asked for something after it was loaded')
      assert.deepEqual(faults.filter((line) => !line.includes('favicon')), [])
      return shown
    } finally {
      await own.close()
    }
  }

  const pushed = () => ({ policy: JSON.stringify({ ...policy(undefined), trust: [{ issuer: 'https://as.example' }] }), bundle: JSON.stringify(as.jwks) })

  test('an accepted token, a proof and a certificate', async () => {
    const bearer = await explained({ ...pushed(), token: await as.token() })
    assert.equal(bearer.outcome, 'Accepted: alice')
    assert.deepEqual([bearer.checks.signature, bearer.checks.proof_signature], ['passed', 'not needed'])
    const caller = await client()
    const bound = await as.token({ cnf: { jkt: caller.thumbprint } })
    const proven = await explained({ ...pushed(), token: bound, proof: await caller.proof(bound), uri: `${AUDIENCE}/orders` })
    assert.deepEqual([proven.outcome, proven.checks.proof_signature], ['Accepted: alice', 'passed'])
    const { client: own, sha256 } = await certificates()
    const mtls = await explained({ ...pushed(), token: await as.token({ cnf: { 'x5t#S256': sha256 } }), certificate: `${own.cert}` })
    assert.deepEqual([mtls.outcome, mtls.checks.certificate], ['Accepted: alice', 'passed'])
  })

  test('a refusal has its reason, its challenge, and the check that failed', async () => {
    const shown = await explained({ ...pushed(), token: await as.token({ aud: 'https://other' }), method: 'POST' })
    assert.match(shown.outcome, /^Refused with 401: audience_mismatch \(1403\)/)
    assert.match(shown.headers, /www-authenticate: Bearer/)
    assert.deepEqual([shown.checks.audience, shown.checks.scope, shown.identity], ['failed', 'not reached', 'none'])
    const past = await explained({ ...pushed(), token: await as.token({ iat: 1000, exp: 2000 }), now: '1500' })
    assert.equal(past.outcome, 'Accepted: alice')
  })

  test('faults in the fields', async () => {
    for (const [fields, message] of [
      [{ policy: '{' }, /JSON/],
      [{ policy: '{"trust":[],"policies":{"default":{"accept":["x"]}}}' }, /\/policies\/default/],
      [{ ...pushed(), bundle: '<html>' }, /refused/],
      [{ ...pushed(), certificate: '!' }, /PEM/],
      [{ ...pushed(), name: 'x' }, /no policy is called x/],
    ]) {
      const shown = await explained(fields)
      assert.match(shown.outcome, message)
      assert.equal(shown.isShown, false)
    }
  })

  test('by keyboard alone, with names for a screen reader, in both colour schemes', async () => {
    for (const colorScheme of ['light', 'dark']) {
      await explained(
        { ...pushed(), token: await as.token() },
        {
          colorScheme,
          press: (page) => page.press('#token', 'Control+Enter'),
          async use(page) {
            const unnamed = await page.$$eval('input, textarea, button, pre[tabindex]', (all) =>
              all.filter((one) => !(one.labels?.length || one.textContent || one.getAttribute('aria-label'))).map(({ id }) => id))
            assert.deepEqual(unnamed, [])
            // Every field is reached by Tab, in the order of the page.
            await page.focus('#policy')
            const reached = ['policy']
            for (let i = 0; i < 11; i++) {
              await page.keyboard.press('Tab')
              reached.push(await page.evaluate(() => document.activeElement.id || document.activeElement.type))
            }
            assert.deepEqual(reached, ['policy', 'bundle', 'token', 'proof', 'certificate', 'method', 'uri', 'name', 'now', 'submit', 'reset', 'headers'])
            assert.deepEqual(await page.$eval('#outcome', (one) => [one.getAttribute('role'), one.getAttribute('aria-live')]), ['status', 'polite'])
            for (const selector of ['body', '#outcome', 'td.passed', '.hint', 'button[type=submit]', 'button.second', 'textarea']) {
              const ratio = await page.$eval(selector, contrast)
              assert.ok(ratio >= 4.5, `${colorScheme}: ${selector} has a contrast of ${ratio.toFixed(2)}`)
            }
            if (process.env.COUNTERSIGN_SCREENSHOTS) await page.screenshot({ path: join(process.env.COUNTERSIGN_SCREENSHOTS, `${colorScheme}.png`), fullPage: true })
          },
        },
      )
    }
  })

  test('on a small screen nothing is wider than it', async () => {
    await explained({ ...pushed(), token: await as.token() }, {
      viewport: { width: 360, height: 740 },
      async use(page) {
        assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 360)
      },
    })
  })
})

/** The contrast of an element's text with what is behind it (WCAG 2.2, 1.4.3). */
function contrast(element) {
  const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 })
  const context = canvas.getContext('2d', { willReadFrequently: true })
  const luminance = (color) => {
    context.clearRect(0, 0, 1, 1)
    context.fillStyle = color
    context.fillRect(0, 0, 1, 1)
    const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].slice(0, 3).map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  let behind = element
  while (behind && getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement
  const [a, b] = [luminance(getComputedStyle(element).color), luminance(getComputedStyle(behind ?? document.body).backgroundColor)].sort((x, y) => y - x)
  return (a + 0.05) / (b + 0.05)
}
