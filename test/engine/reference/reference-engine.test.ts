import { runConformance } from '../conformance.js';

runConformance({ name: 'reference', choice: () => ({ name: 'reference' }), tolerance: 1e-9 });
