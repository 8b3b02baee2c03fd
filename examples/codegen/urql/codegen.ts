import type { CodegenConfig } from '@graphql-codegen/cli';

const config: CodegenConfig = {
  schema: '../../schema/api.graphql',
  documents: 'urql/*.ts',
  generates: {
    'urql/__generated__/': { preset: 'client', presetConfig: { fragmentMasking: false } },
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
