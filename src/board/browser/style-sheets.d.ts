/** The bundler puts what is imported so beside the script. */
declare module '*.css';
