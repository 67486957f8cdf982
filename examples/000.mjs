// POST /v1/tenants/:tenantId/stripe-invoices, as in its document.
// Start the system with `make run`, then `make examples`, or
//   eval "$(.venv/bin/billhook demo env)" && node examples/000.mjs
const demo = process.env;

try {
  // call userdocks user management API
  const response = await fetch(`${demo.BILLHOOK_DEMO_BASE_URL}/v1/tenants/${demo.BILLHOOK_DEMO_TENANT_ID}/stripe-invoices`, {
    method: 'POST',
    headers: {
      // 'Authorization': String, // when accessed from the client e.g. `Bearer ${accessToken}`
      'X-API-KEY': demo.BILLHOOK_DEMO_WRITE_KEY,
      'X-CLIENT-ID': demo.BILLHOOK_DEMO_APP_ID,
      'X-API-KEY-TYPE': 'write',
      'Content-Type': 'application/json',
    },
    body: JSON.stringify({
      price: demo.BILLHOOK_DEMO_PRICES_ONE_TIME,
      taxRate: demo.BILLHOOK_DEMO_TAX_RATES_STANDARD,
      mode: 'payment',
      quantity: 1,
      test: true,
      footer: 'Thank you for your business.',
      tenantId: demo.BILLHOOK_DEMO_TENANT_ID,
      userId: demo.BILLHOOK_DEMO_USER_ID,
    }),
  });
  const { data } = await response.json();
  // do something with the data
  console.log(response.status, data);
  process.exitCode = response.ok ? 0 : 1;
} catch (err) {
  console.error(err);
  // handle error
  process.exitCode = 1;
}
