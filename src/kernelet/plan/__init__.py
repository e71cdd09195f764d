"""Program to plan: gradients, fusion, memory, schedule and the choice of kernels."""
