// Serve webhooks by @supabase/stripe-sync-engine, as its README does: verify, upsert, answer 200.
// Usage: PEER_FOLDER=… PEER_PORT=… PEER_DSN=… PEER_SECRET=… node stripe_sync_engine.mjs
import http from 'node:http'
import { createRequire } from 'node:module'

const { PEER_FOLDER, PEER_PORT, PEER_DSN, PEER_SECRET } = process.env
const load = createRequire(PEER_FOLDER + '/')
const { StripeSync, runMigrations } = load('@supabase/stripe-sync-engine')

await runMigrations({ databaseUrl: PEER_DSN, schema: 'stripe', logger: console })
const sync = new StripeSync({
  poolConfig: { connectionString: PEER_DSN, max: 10 },
  stripeSecretKey: 'sk_test_1',
  stripeWebhookSecret: PEER_SECRET,
  backfillRelatedEntities: false,
})

const server = http.createServer(async (request, response) => {
  const parts = []
  for await (const part of request) parts.push(part)
  let status = 200
  try {
    if (request.method === 'POST') {
      await sync.processWebhook(Buffer.concat(parts), request.headers['stripe-signature'])
    }
  } catch (error) {
    console.error(error)
    status = 400
  }
  const body = '{"received":true}'
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length })
  response.end(body)
})
server.listen(Number(PEER_PORT), '127.0.0.1')
process.on('SIGTERM', () => process.exit(0))
