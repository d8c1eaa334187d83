/** Numbers of the fields in onnx.proto, and of the values of its enumerations, as far as they are read or written here. */

export const modelProto = {
  irVersion: 1,
  producerName: 2,
  producerVersion: 3,
  docString: 6,
  graph: 7,
  opsetImport: 8,
  metadataProps: 14,
  functions: 25,
} as const;
export const operatorSetId = { domain: 1, version: 2 } as const;
export const stringEntry = { key: 1, value: 2 } as const;
export const graphProto = {
  node: 1,
  name: 2,
  initializer: 5,
  input: 11,
  output: 12,
  valueInfo: 13,
  quantizationAnnotation: 14,
  sparseInitializer: 15,
} as const;
export const nodeProto = { input: 1, output: 2, name: 3, opType: 4, attribute: 5 } as const;
export const attributeProto = { name: 1, integer: 3, graph: 6, integers: 8, graphs: 11, type: 20 } as const;
/** `AttributeProto.AttributeType` */
export const attributeType = { integer: 2, graph: 5, integers: 7 } as const;
export const sparseTensorProto = { values: 1 } as const;
export const tensorProto = { dims: 1, dataType: 2, name: 8, rawData: 9, dataLocation: 14 } as const;
/** `TensorProto.DataType` */
export const dataType = { float32: 1, int64: 7, bool: 9, float16: 10 } as const;
/** `TensorProto.DataLocation.EXTERNAL` */
export const externalData = 1;
export const valueInfoProto = { name: 1, type: 2 } as const;
export const typeProto = { tensor: 1 } as const;
export const tensorType = { elementType: 1, shape: 2 } as const;
export const shapeProto = { dimension: 1 } as const;
export const dimensionProto = { value: 1, parameter: 2 } as const;
