// Builds the WebAssembly kernels of the cpu engine.
