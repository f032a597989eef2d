/**
 * The conversation `v1` of Vicuna, LLaVA and those made like it, whose checkpoints carry no template: a fixed first sentence, then messages, of which every second ends in
 * `</s>` and the others in a space. Who does not answer asks: it knows no system messages (`conv_vicuna_v1` and `get_prompt` of their `conversation.py`). Contents are lists of parts.
 */
export const vicunaTemplate =
  '{{ "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite answers to the user\'s questions. " }}' +
  "{% for message in messages %}{% set text = message.content | map(attribute='text') | join('') %}{{ 'ASSISTANT:' if message.role == 'assistant' else 'USER:' }}" +
  "{% if text %}{{ ' ' + text + (' ' if loop.index0 % 2 == 0 else '</s>') }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
