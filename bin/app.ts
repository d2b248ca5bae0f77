import { createPerennialApp } from '../lib/perennial-app.ts';

createPerennialApp();
