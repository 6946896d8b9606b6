(** The bits of a non-negative float order as the number does.

    A float without its sign is e 2^m + f, with [m] bits of fraction f and an exponent e. Its value is
      f 2^(1 - bias - m)            if e = 0      (denormal)
      (2^m + f) 2^(e - bias - m)    otherwise
    so in units of the smallest positive number, 2^(1 - bias - m), it is a natural number. Infinity
    is the bit pattern above the largest finite one, where this value only goes on growing.
    m is 7 for bfloat16, 10 for float16, 23 for float32, 52 for float64. *)
From mathcomp Require Import all_ssreflect.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Section Bits.
Variable m : nat.
Definition exponent b := b %/ 2 ^ m.
Definition fraction b := b %% 2 ^ m.
Definition value b :=
  if exponent b == 0 then fraction b else (2 ^ m + fraction b) * 2 ^ (exponent b).-1.

Let two_gt0 : 0 < 2 ^ m. Proof. by rewrite expn_gt0. Qed.

Lemma value_step b : value b < value b.+1.
Proof.
have [next | last] := boolP ((fraction b).+1 < 2 ^ m).
  have bE : b.+1 = exponent b * 2 ^ m + (fraction b).+1.
    by rewrite addnS /exponent /fraction -divn_eq.
  have eE : exponent b.+1 = exponent b.
    by rewrite {1}bE /exponent divnMDl // (divn_small next) addn0.
  have fE : fraction b.+1 = (fraction b).+1.
    by rewrite {1}bE /fraction modnMDl (modn_small next).
  rewrite /value eE fE; case: ifP => _ //.
  by rewrite addnS ltn_mul2r expn_gt0 /=.
have full : (fraction b).+1 = 2 ^ m.
  by apply/eqP; rewrite eqn_leq [2 ^ m <= _]leqNgt last andbT /fraction ltn_mod.
have bE : b.+1 = (exponent b).+1 * 2 ^ m.
  by rewrite mulSn addnC -{2}full addnS /exponent /fraction -divn_eq.
have eE : exponent b.+1 = (exponent b).+1 by rewrite /exponent bE mulnK.
have fE : fraction b.+1 = 0 by rewrite /fraction bE modnMl.
rewrite /value eE fE addn0 /=; case: ifP => [/eqP -> | nz].
  by rewrite expn0 muln1 -full.
have e0 : 0 < exponent b by rewrite lt0n nz.
rewrite -{2}(prednK e0) expnS mulnA ltn_mul2r expn_gt0 /= mulnC mul2n -addnn ltn_add2l.
by rewrite -full.
Qed.

Theorem bits_order a b : (a < b) = (value a < value b).
Proof.
apply/idP/idP => [ab | ].
  elim: b ab => // b IH; rewrite ltnS leq_eqVlt => /orP[/eqP -> | /IH ab].
    exact: value_step.
  exact: ltn_trans ab (value_step b).
apply: contraTT; rewrite -!leqNgt; elim: a => [|a IH]; first by rewrite leqn0 => /eqP ->.
rewrite leq_eqVlt => /orP[/eqP -> // | /IH ba]; exact: leq_trans ba (ltnW (value_step a)).
Qed.
End Bits.
