/** The tests that docs/testing.md shows are run here as they stand. */
import '../../examples/testing/card-issuing.unit.js';
import '../../examples/testing/payments.integration.js';
import '../../examples/testing/crash-matrix.integration.js';
