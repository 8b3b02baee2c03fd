/**
 * Whether a namespace contains segments of the platform, which have definitions there. The case of a namespace varies.
 */
export const isPlatformNamespace = (namespace: string): boolean => namespace.toLowerCase() === 'ups';
