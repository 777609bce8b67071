"""Which of two pictures is better?"""
