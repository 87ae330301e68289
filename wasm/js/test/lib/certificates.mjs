// Certificates for one test run, made by OpenSSL.

import { execFileSync } from 'node:child_process'
import { X509Certificate, createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export async function certificates() {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-js-'))
  try {
    const make = (name) => {
      const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)]
      execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', cert, '-days', '2', '-subj', `/CN=${name}`], { stdio: 'ignore' })
      return { key: readFileSync(key), cert: readFileSync(cert) }
    }
    const [server, client] = [make('server'), make('client')]
    const sha256 = createHash('sha256').update(new X509Certificate(client.cert).raw).digest('base64url')
    return { server, client, sha256 }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
