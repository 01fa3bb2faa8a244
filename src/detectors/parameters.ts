export {type Parameter, type ParameterKind, Parameters} from '../layers/parameters.js';
