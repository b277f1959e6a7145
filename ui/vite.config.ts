import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// The development server passes the API to the fixture controller: npm run fixture, then npm run dev.
const fixture = 'http://127.0.0.1:8444';

export default defineConfig({
  plugins: [react()],
  server: { host: '127.0.0.1', port: 5173, proxy: { '/api': fixture } },
  build: {
    target: 'es2022',
    sourcemap: false,
    // Everything from our own address as files: the content security policy allows no data: fonts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 600,
  },
  test: { environment: 'jsdom', include: ['test/**/*.test.{ts,tsx}'], setupFiles: ['test/setup.ts'], css: false, testTimeout: 20_000 },
});
