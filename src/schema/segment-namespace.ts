/** Whether segments of a namespace are the platform's own, which it has definitions of. Namespaces vary in case. */
export const isPlatformNamespace = (namespace: string): boolean => namespace.toLowerCase() === 'ups';
