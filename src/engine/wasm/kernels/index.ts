export {convolution, convolutionScratch, convolutionInputGradient, convolutionFilterGradient, filterGradientScratch} from './convolution';
