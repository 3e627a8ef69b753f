/** Where known cities lie, as [longitude, latitude] in degrees. A location whose city is not listed stands in the list only. */
const CITIES: Record<string, readonly [number, number]> = {
  Amsterdam: [4.9, 52.37],
  Ashburn: [-77.49, 39.04],
  Berlin: [13.4, 52.52],
  Chicago: [-87.63, 41.88],
  Dallas: [-96.8, 32.78],
  Dublin: [-6.26, 53.35],
  Frankfurt: [8.68, 50.11],
  Helsinki: [24.94, 60.17],
  "Hong Kong": [114.17, 22.32],
  London: [-0.13, 51.51],
  "Los Angeles": [-118.24, 34.05],
  Madrid: [-3.7, 40.42],
  Miami: [-80.19, 25.76],
  Milan: [9.19, 45.46],
  Mumbai: [72.88, 19.08],
  "New York": [-74.01, 40.71],
  Paris: [2.35, 48.86],
  "São Paulo": [-46.63, -23.55],
  Seattle: [-122.33, 47.61],
  Singapore: [103.82, 1.35],
  Stockholm: [18.07, 59.33],
  Sydney: [151.21, -33.87],
  Tokyo: [139.69, 35.69],
  Toronto: [-79.38, 43.65],
  Vienna: [16.37, 48.21],
  Warsaw: [21.01, 52.23],
  Zurich: [8.54, 47.38],
};

export function placeOf(city: string): readonly [number, number] | undefined {
  return CITIES[city];
}
