import type { CodegenConfig } from '@graphql-codegen/cli';

const config: CodegenConfig = {
  schema: '../../schema/api.graphql',
  documents: 'apollo/*.ts',
  generates: {
    'apollo/__generated__/': { preset: 'client', presetConfig: { fragmentMasking: false } },
    'apollo/__generated__/possible-types.ts': { plugins: ['fragment-matcher'] },
  },
  importExtension: '.js',
  config: {
    strictScalars: true,
    useTypeImports: true,
    scalars: {
      DateTime: 'string',
      SafeInt: 'number',
      URL: 'string',
      JSONObject: 'Record<string, unknown>',
    },
  },
};
export default config;
