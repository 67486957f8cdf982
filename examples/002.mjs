// POST /api/v1/apps/:appUuid/tenants/:tenantUuid/payment-providers/:paymentProvider/invoices, as in its
// document, for a one-time price at Stripe.
// Start the system with `make run`, then `make examples`, or
//   eval "$(.venv/bin/billhook demo env)" && node examples/002.mjs
const demo = process.env;

const url = `${demo.BILLHOOK_DEMO_BASE_URL}/api/v1/apps/${demo.BILLHOOK_DEMO_APP_ID}/tenants/${demo.BILLHOOK_DEMO_TENANT_ID}/payment-providers/stripe/invoices`;

const response = await fetch(url, {
  method: 'POST',
  headers: {
    'x-api-key': demo.BILLHOOK_DEMO_WRITE_KEY,
    'x-client-id': demo.BILLHOOK_DEMO_APP_ID,
    'x-api-key-type': 'write',
    'Content-Type': 'application/json',
  },
  body: `{"tenantUuid":"${demo.BILLHOOK_DEMO_TENANT_ID}","lineItems":[{"name":"Pro Plan","price":"${demo.BILLHOOK_DEMO_PRICES_ONE_TIME}"}],"taxRateId":"${demo.BILLHOOK_DEMO_TAX_RATES_STANDARD}","paymentMethod":"card","type":"payment"}`,
});
const data = await response.json();
console.log(response.status, data);
process.exitCode = response.ok ? 0 : 1;
